"""What is learned of items set side by side: pairs, rankings, and choices that stand in the task data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from backend.learning.answers import Guess
from backend.learning.controls import OfferedChoices, Pairwise, Ranker, learnable_controls, read_questions
from backend.learning.learned import LEARNED, ChosenItems, Learned, OfferedSet, OneOf, Preference, Ranking
from tests.backend.learning.lessons import (
    FILLERS,
    how,
    item,
    offers,
    on_text,
    one,
    pairs,
    rankings,
    with_numbers,
)
from tests.backend.samples import shared

PAIR = '<View><Text name="a" value="$a"/><Text name="b" value="$b"/><Pairwise name="c" toName="a,b"/></View>'
LIST = '<View><List name="l" value="$l"/><Ranker name="c" toName="l">{}</Ranker></View>'
BUCKETS = LIST.format('<Bucket name="best" title="Best"/><Bucket name="ads" title="Ads"/>')
OFFERED = on_text('<Choices name="c" toName="t" value="$o"/>')
SEVERAL = OFFERED.replace('toName="t"', 'toName="t" choice="multiple"')


class TestPairwise:
    def test_the_editors_own_results_are_read_and_written(self) -> None:
        folder = shared("real/label_studio")
        (control,) = learnable_controls((folder / "lsf_pairwise_config.xml").read_text())
        (annotation,) = json.loads((folder / "lsf_pairwise_annotations_1.json").read_text())["annotations"]
        assert type(control) is Pairwise
        assert control.answer_of(annotation["result"]) == "right"
        (made,) = control.result_for(Guess("right", 0.5))
        for key in ("from_name", "type", "value"):
            assert made[key] == annotation["result"][0][key]

    def test_a_guess_is_about_an_object_for_label_studio_refuses_predictions_about_the_control(self) -> None:
        (made,) = one(PAIR).result_for(Guess("right", 0.5))
        assert (made["from_name"], made["to_name"]) == ("c", "a")

    @pytest.mark.parametrize("selected", ["none", None, "middle", 1])
    def test_neither_side_is_no_answer(self, selected: Any) -> None:
        assert one(PAIR).answer_of([item("c", "pairwise", {"selected": selected})]) is None

    def test_what_is_preferred_does_not_hang_on_the_side(self) -> None:
        tasks, given = pairs((), 40)
        learned = one(PAIR).learn(tasks, given, how(40))
        assert isinstance(learned, Preference)
        asked = with_numbers(
            [{"v": [1.0], "a": "fine", "b": "awful"}, {"v": [1.0], "a": "awful", "b": "fine"}]
        )
        there, back = learned.guess(asked)
        assert (there.answer, back.answer) == ("left", "right")
        assert there.confidence == pytest.approx(back.confidence)
        alike = with_numbers([{"v": [1.0], "a": "so so", "b": "so so"}])
        assert learned.doubt(alike)[0] == pytest.approx(1)
        assert (learned.doubt(asked) < 0.9).all()

    def test_pairs_without_texts_are_said_or_learned_by_the_tasks_features(self) -> None:
        empty = with_numbers([{"v": [1.0]}] * 4)
        said = one(PAIR).learn(empty, ["left", "right"] * 2, how(4))
        assert said == "the items that are compared have no text, or the same"
        images = one(PAIR.replace("<Text", "<Image"))
        given = ["left", "right"] * 10
        data = [{"v": [float(side == "left")]} for side in given]
        learned = images.learn(with_numbers(data), given, how(20))
        assert isinstance(learned, OneOf)
        assert [guess.answer for guess in learned.guess(with_numbers(data))] == given

    def test_two_different_objects_are_needed(self) -> None:
        questions = read_questions(PAIR.replace('"a,b"', '"a"'))
        assert "two objects" in questions.passed_over[0]


class TestRanker:
    @pytest.mark.parametrize(
        ("name", "answer"),
        [
            ("ranker", (("", ("1234", "123", "12345", "123456", "1234567")),)),
            ("ranker_buckets", (("best", ("mdn",)), ("ads", ("blog",)))),
        ],
    )
    def test_real_rankings_are_read(self, name: str, answer: Any) -> None:
        folder = shared("real/label_studio")
        (control,) = learnable_controls((folder / f"lsf_{name}_config.xml").read_text())
        (annotation,) = json.loads((folder / f"lsf_{name}_annotations_1.json").read_text())["annotations"]
        assert type(control) is Ranker
        assert control.answer_of(annotation["result"]) == answer
        assert control.in_config(answer)

    def test_a_plain_order_is_written_under_the_controls_own_name(self) -> None:
        (made,) = one(LIST.format("")).result_for(Guess((("", ("2", "1")),), 0.5))
        assert made["value"] == {"ranker": {"c": ["2", "1"]}}

    def test_items_left_where_they_stood_are_no_answer(self) -> None:
        control = one(BUCKETS)
        assert control.answer_of([item("c", "ranker", {"ranker": {"_": ["1", "2"], "best": []}})]) is None
        found = control.answer_of(
            [item("c", "ranker", {"ranker": {"ads": ["3"], "_": ["2"], "best": ["1"]}})]
        )
        assert found == (("best", ("1",)), ("ads", ("3",))), "in the config's order"
        assert not control.in_config((("gone", ("1",)),))
        assert control.counts([found, (("ads", ("1",)),)]) == {"best": 1, "ads": 2}

    @pytest.mark.parametrize("given", [None, [], [None], [[]], {"c": "1"}, {"c": [{}]}, {"c": []}, 5])
    def test_what_is_no_ranking_is_no_answer(self, given: Any) -> None:
        assert one(LIST.format("")).answer_of([item("c", "ranker", {"ranker": given})]) is None

    def test_new_lists_are_ranked_by_their_texts(self) -> None:
        tasks, given = rankings((), 30)
        learned = one(LIST.format("")).learn(tasks, given, how(30))
        assert isinstance(learned, Ranking)
        asked = with_numbers(
            [
                {"v": [1.0], "l": [{"id": "x", "body": "poor"}, {"id": "y", "body": "great"}]},
                {"v": [1.0], "l": [{"id": "x", "body": "poor"}, {"id": "y", "body": "poor"}]},
                {"v": [1.0], "l": []},
                {"v": [1.0], "l": "no list"},
            ]
        )
        guesses = learned.guess(asked)
        assert guesses[0].answer == (("", ("y", "x")),)
        assert guesses[2].confidence == guesses[3].confidence == 0
        doubt = learned.doubt(asked)
        assert doubt[1] == pytest.approx(1)
        assert doubt[0] < 0.9
        assert doubt[2] == doubt[3] == 0

    def test_buckets_are_learned_and_survive_storing(self) -> None:
        data, given = [], []
        for i in range(30):
            items = [
                {"id": "1", "title": f"news {FILLERS[i % 5]}"},
                {"id": "2", "title": f"buy now {FILLERS[i % 3]}"},
                {"id": "3", "title": f"news today {FILLERS[i % 4]}"},
            ]
            data.append({"v": [1.0], "l": items if i % 2 else items[:2]})
            given.append((("best", ("1", "3") if i % 2 else ("1",)), ("ads", ("2",))))
        tasks = with_numbers(data)
        learned = one(BUCKETS).learn(tasks, given, how(30))
        assert isinstance(learned, Ranking)
        held = [dict(guess.answer) for guess in learned.guess(tasks)]  # type: ignore[call-overload]
        assert [set(h["best"]) for h in held] == [set(dict(g)["best"]) for g in given]
        assert all(h["ads"] == ("2",) for h in held)
        values, arrays = learned.state()
        again = LEARNED["ranking"].from_state((json.loads(json.dumps(values)), arrays), {})
        assert again.guess(tasks) == learned.guess(tasks)

    def test_no_list_in_the_data_is_said(self) -> None:
        tasks = with_numbers([{"v": [1.0]}] * 4)
        given = [(("", ("1", "2")),), (("", ("2", "1")),)] * 2
        assert isinstance(one(LIST.format("")).learn(tasks, given, how(4)), str)


class TestOfferedChoices:
    def test_one_choice_or_several(self) -> None:
        control = one(OFFERED)
        assert type(control) is OfferedChoices
        assert control.answer_of([item("c", "choices", {"choices": ["x"]})]) == frozenset({"x"})
        assert control.answer_of([item("c", "choices", {"choices": ["x", "y"]})]) is None
        assert control.answer_of([]) is None
        assert one(SEVERAL).answer_of([]) == frozenset()

    def test_a_guess_is_among_what_the_task_offers(self) -> None:
        tasks, given = offers([frozenset(x) for x in "abc"], 40)
        learned = one(OFFERED).learn(tasks, given, how(40))
        assert isinstance(learned, OfferedSet)
        # The features say a, of which this task does not speak.
        asked = with_numbers([{**tasks.data[0], "o": ["b", "c"]}, {**tasks.data[0], "o": []}, tasks.data[0]])
        without, nothing, all_ = learned.guess(asked)
        assert without.answer in (frozenset("b"), frozenset("c"))
        assert (nothing.answer, nothing.confidence) == (frozenset(), 0.0)
        assert all_.answer == frozenset("a")

    def test_several_of_a_shared_vocabulary(self) -> None:
        given = [frozenset("ab"), frozenset("b"), frozenset()] * 10
        data = [{"v": [4.0 * ("a" in a), 4.0 * ("b" in a)], "o": ["a", {"value": "b"}]} for a in given]
        learned = one(SEVERAL).learn(with_numbers(data), given, how(30))
        assert isinstance(learned, OfferedSet)
        assert [guess.answer for guess in learned.guess(with_numbers(data))] == given
        (guess,) = learned.guess(with_numbers([{**data[0], "o": ["b"]}]))
        assert guess.answer == frozenset("b")

    @pytest.mark.parametrize("config", [OFFERED, SEVERAL])
    def test_choices_that_are_new_on_every_task_are_learned_by_their_texts(self, config: str) -> None:
        data = [
            {"v": [1.0], "o": [f"awful {i}x {FILLERS[i % 5]}", f"fine {i}y {FILLERS[i % 3]}"]}
            for i in range(40)
        ]
        given = [frozenset({d["o"][1]}) for d in data]  # type: ignore[index]
        learned = one(config).learn(with_numbers(data), given, how(40))
        assert isinstance(learned, ChosenItems)
        asked = with_numbers([{"v": [1.0], "o": ["fine indeed", "awful indeed"]}, {"v": [1.0], "o": []}])
        found, nothing = learned.guess(asked)
        assert found.answer == frozenset({"fine indeed"})
        assert nothing == Guess(frozenset(), 0.0)
        values, arrays = learned.state()
        again = LEARNED["chosen by their texts"].from_state((json.loads(json.dumps(values)), arrays), {})
        np.testing.assert_allclose(again.doubt(asked), learned.doubt(asked))

    @pytest.mark.parametrize("config", [OFFERED, SEVERAL], ids=["one", "several"])
    def test_choices_beyond_a_thousand_do_not_shift_those_of_later_tasks(self, config: str) -> None:
        data: list[dict[str, object]] = [
            {"v": [1.0], "o": [f"awful {i}", f"fine {i}", f"awful {i} as well"]} for i in range(20)
        ]
        given = [frozenset({f"fine {i}"}) for i in range(20)]
        # One more than is rated: what is chosen there counts as not seen.
        many: dict[str, object] = {"v": [1.0], "o": [*(f"awful so {i}" for i in range(1000)), "fine so"]}
        learned = one(config).learn(with_numbers([many, *data]), [frozenset({"fine so"}), *given], how(21))
        assert isinstance(learned, ChosenItems)
        assert learned.slope > 0
        asked = with_numbers([{"v": [1.0], "o": ["awful indeed", "fine indeed"]}, many])
        found, of_many = learned.guess(asked)
        assert found.answer == frozenset({"fine indeed"})
        assert "fine so" not in of_many.answer
        # Alone, its one choice that was taken is not among the rated ones.
        assert isinstance(
            ChosenItems.learned(with_numbers([many]), [{"fine so"}], how(1), learned.offer), str
        )

    def test_aliases_and_paths_are_known(self) -> None:
        nested = OFFERED.replace('toName="t"', 'toName="t" allowNested="true" choice="multiple"')
        options = [{"value": "Animal", "alias": "an", "children": [{"value": "Cat"}]}, {"value": "Plant"}]
        given = [frozenset({("an", "Cat")}), frozenset({"Plant"})] * 10
        data = [{"v": [5.0 * ("Plant" in a)], "o": options} for a in given]
        learned = one(nested).learn(with_numbers(data), given, how(20))
        assert isinstance(learned, Learned)
        assert [guess.answer for guess in learned.guess(with_numbers(data))] == given
