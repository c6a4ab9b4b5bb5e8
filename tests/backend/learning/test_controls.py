"""One contract for every control that we learn from, then each one's own rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from backend.learning.answers import Answer, Guess, Span
from backend.learning.controls import (
    CONTROLS,
    Control,
    MultipleChoice,
    Number,
    OfferedChoices,
    Pairwise,
    PerPart,
    Ranker,
    Rating,
    RegionLabels,
    Regions,
    SingleChoice,
    Spans,
    Taxonomy,
    read_questions,
)
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import LEARNED, Learned
from backend.learning.learned.stored import from_json, to_json
from backend.learning.tasks import Tasks
from tests.backend.learning.lessons import (
    how,
    offers,
    on_image,
    on_text,
    one,
    pairs,
    planted,
    rankings,
    sentences,
    with_numbers,
)
from tests.backend.samples import IMAGE_CONFIG, TEXT_CONFIG, chosen

SEVERAL = on_text(
    '<Choices name="c" toName="t" choice="multiple"><Choice value="a"/><Choice value="b"/>'
    '<Choice value="third" alias="c"/></Choices>'
)
NESTED = on_text(
    '<Choices name="c" toName="t" allowNested="true"><Choice value="a"><Choice value="a1"/>'
    '<Choice value="a2"/></Choice><Choice value="b"/></Choices>'
)
TREE = on_text(
    '<Taxonomy name="c" toName="t"><Choice value="animal"><Choice value="cat"/><Choice value="dog"/></Choice>'
    '<Choice value="plant"/></Taxonomy>'
)
STARS = on_text('<Rating name="c" toName="t" maxRating="4"/>')

BOXES = on_image(
    '<RectangleLabels name="c" toName="i"><Label value="car"/><Label value="dog"/></RectangleLabels>'
)
TOOL = on_image('<Rectangle name="c" toName="i"/>')
PER_REGION = on_text(
    '<Choices name="c" toName="t" perRegion="true"><Choice value="good"/><Choice value="bad"/></Choices>'
)

ENTITIES = on_text('<Labels name="c" toName="t"><Label value="PER"/><Label value="LOC"/></Labels>')
PER, LOC = Span(0, 4, "PER"), Span(10, 14, "LOC")
PAIR = '<View><Text name="a" value="$a"/><Text name="b" value="$b"/><Pairwise name="c" toName="a,b"/></View>'
LIST = '<View><List name="l" value="$l"/><Ranker name="c" toName="l"/></View>'
OFFERED = on_text('<Choices name="c" toName="t" value="$o"/>')


@dataclass(frozen=True)
class Example:
    """A config for a control, some answers that it offers, and tasks from which such answers are learned."""

    config: str
    answers: Sequence[Answer]
    tasks: Callable[[Sequence[Answer], int], tuple[Tasks, list[Answer]]] = planted


EXAMPLES: dict[type[Control], Example] = {
    SingleChoice: Example(TEXT_CONFIG, ("cats", "money", "conflict")),
    MultipleChoice: Example(SEVERAL, (frozenset("a"), frozenset("ab"), frozenset("bc"))),
    Taxonomy: Example(TREE, (frozenset({("plant",)}), frozenset({("animal", "cat"), ("plant",)}))),
    Rating: Example(STARS, (1, 2, 4)),
    Number: Example(on_text('<Number name="c" toName="t" min="0" max="20"/>'), (2.0, 6.0, 11.0)),
    OfferedChoices: Example(OFFERED, (frozenset("a"), frozenset("b"), frozenset("c")), offers),
    Pairwise: Example(PAIR, ("left", "right"), pairs),
    Ranker: Example(LIST, ((("", ("2", "1")),), (("", ("1", "2", "3")),)), rankings),
    PerPart: Example(PER_REGION, (frozenset({("good", 1)}), frozenset({("bad", 1), ("bad", 2)}))),
    Spans: Example(ENTITIES, ((), (PER,), (PER, LOC)), sentences),
    RegionLabels: Example(BOXES, (frozenset({("car", 1)}), frozenset({("car", 1), ("car", 2), ("dog", 1)}))),
    Regions: Example(TOOL, (frozenset({("regions", 1)}), frozenset({("regions", 1), ("regions", 2)}))),
}


def test_every_control_has_an_example_for_the_contract() -> None:
    assert set(EXAMPLES) == set(CONTROLS)


NONSENSE: list[list[Any]] = [
    [],
    [None],
    [5, "x", []],
    [{}],
    [{"from_name": None}],
    [{"from_name": "other", "value": {"choices": ["a"], "rating": 1, "taxonomy": [["plant"]]}}],
    [{"from_name": "c"}],
    [{"from_name": "c", "value": None}],
    [{"from_name": "c", "value": ["a"]}],
    [{"from_name": "c", "value": {"choices": "a", "rating": "1", "taxonomy": "plant"}}],
    [{"from_name": "c", "value": {"choices": [], "rating": None, "taxonomy": []}}],
    [{"from_name": "c", "value": {"choices": [5], "rating": True, "taxonomy": [[5], [], {}]}}],
    [{"from_name": "c", "value": {"choices": [[]], "rating": 0, "taxonomy": None}}],
    [{"from_name": "c", "value": {"rating": float("inf")}}],
]


@pytest.mark.parametrize("kind", CONTROLS, ids=lambda kind: kind.__name__)
class TestContract:
    def test_is_found_by_its_tag(self, kind: type[Control]) -> None:
        assert type(one(EXAMPLES[kind].config)) is kind

    def test_it_says_what_is_learned_of_it(self, kind: type[Control]) -> None:
        assert kind.LEARNS

    def test_what_it_shows_it_reads_as_the_same_answer(self, kind: type[Control]) -> None:
        control = one(EXAMPLES[kind].config)
        for answer in EXAMPLES[kind].answers:
            result = control.result_for(Guess(answer, 0.123456))
            assert bool(result) == (control.SHOWS and answer != ())
            if result:
                assert control.answer_of(json.loads(json.dumps(result))) == answer
            for item in result:
                assert (item["from_name"], item["to_name"]) == (control.name, control.shown_on)
                assert item["score"] == 0.1235
            assert control.in_config(answer)

    def test_other_controls_results_are_passed_over(self, kind: type[Control]) -> None:
        control, answer = one(EXAMPLES[kind].config), EXAMPLES[kind].answers[1]
        note = {"from_name": "note", "value": {"text": ["x"], "choices": ["b"], "rating": 2}}
        expected = answer if control.SHOWS else frozenset()
        assert control.answer_of([note, *control.result_for(Guess(answer, 1.0))]) in (expected, None)

    @pytest.mark.parametrize("result", NONSENSE)
    def test_nonsense_is_no_answer(self, kind: type[Control], result: list[Any]) -> None:
        assert one(EXAMPLES[kind].config).answer_of(result) in (None, frozenset(), ())

    def test_answers_survive_json(self, kind: type[Control]) -> None:
        for answer in EXAMPLES[kind].answers:
            assert from_json(json.loads(json.dumps(to_json(answer)))) == answer

    def test_several_annotators_make_one_answer_of_those_given(self, kind: type[Control]) -> None:
        config, answers = EXAMPLES[kind].config, EXAMPLES[kind].answers
        first, other = answers[:2]
        assert one(config).settle([first]) == first
        assert one(config).settle([other, first, first]) == first

    def test_counts_name_what_was_chosen(self, kind: type[Control]) -> None:
        config, answers = EXAMPLES[kind].config, EXAMPLES[kind].answers
        control = one(config)
        counts = control.counts([*answers, answers[0]])
        assert all(isinstance(name, str) and n >= 1 for name, n in counts.items())
        assert max(counts.values()) >= 2
        assert not control.offered or set(counts) <= set(control.offered)

    def test_what_is_learned_guesses_doubts_and_survives_storing(self, kind: type[Control]) -> None:
        config, answers = EXAMPLES[kind].config, EXAMPLES[kind].answers
        tasks, given = EXAMPLES[kind].tasks(answers, 40)
        learned = one(config).learn(tasks, given, how(40))
        assert isinstance(learned, Learned)
        guesses = learned.guess(tasks)
        assert np.mean([g.answer == answer for g, answer in zip(guesses, given, strict=True)]) > 0.9
        assert all(0 <= guess.confidence <= 1 for guess in guesses)
        doubt = learned.doubt(tasks)
        assert doubt is not None
        assert doubt.shape == (40,)
        assert np.isfinite(doubt).all()
        values, arrays = learned.state()
        again = LEARNED[learned.KIND].from_state(
            (json.loads(json.dumps(values)), arrays), learned.estimators()
        )
        assert [g.answer for g in again.guess(tasks)] == [g.answer for g in guesses]
        np.testing.assert_allclose(again.doubt(tasks), doubt, atol=1e-6)
        assert learned.guess(tasks.rows(np.arange(0))) == []

    @pytest.mark.parametrize("n", [0, 1, 3])
    def test_too_little_is_said_not_raised(self, kind: type[Control], n: int) -> None:
        config, answers = EXAMPLES[kind].config, EXAMPLES[kind].answers
        tasks, _ = EXAMPLES[kind].tasks(answers, n)
        same = [answers[0]] * n
        assert isinstance(one(config).learn(tasks, same, how(n)), str)


class TestSingleChoice:
    def test_hand_worked(self) -> None:
        control = one(IMAGE_CONFIG)
        assert control.answer_of(chosen("dark", "kind", "img")) == "dark"
        expected = {
            "from_name": "kind",
            "to_name": "img",
            "type": "choices",
            "value": {"choices": ["light"]},
            "score": 0.5,
        }
        assert control.result_for(Guess("light", 0.5)) == [expected]

    def test_two_choices_are_no_single_one(self) -> None:
        result = chosen("cats")
        result[0]["value"] = {"choices": ["cats", "money"]}
        assert one(TEXT_CONFIG).answer_of(result) is None


def picked(*choices: Any) -> list[dict[str, Any]]:
    return [{"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": list(choices)}}]


class TestMultipleChoice:
    def test_the_order_of_ticking_does_not_matter(self) -> None:
        assert one(SEVERAL).answer_of(picked("b", "a")) == one(SEVERAL).answer_of(picked("a", "b"))

    def test_nothing_ticked_is_an_answer_unless_one_is_required(self) -> None:
        assert one(SEVERAL).answer_of([]) == frozenset()
        required = SEVERAL.replace('choice="multiple"', 'choice="multiple" required="true"')
        assert one(required).answer_of([]) is None

    def test_a_choice_that_left_the_config_is_told_apart(self) -> None:
        assert not one(SEVERAL).in_config(frozenset({"a", "gone"}))
        assert not one(SEVERAL).in_config(frozenset({"third"})), "its alias is what annotations hold"
        assert one(SEVERAL).in_config(frozenset())

    def test_predictions_keep_the_configs_order(self) -> None:
        (item,) = one(SEVERAL).result_for(Guess(frozenset("cab"), 0.5))
        assert item["value"] == {"choices": ["a", "b", "c"]}
        assert one(SEVERAL).result_for(Guess(frozenset(), 0.5)) == []

    def test_nested_choices_keep_their_paths(self) -> None:
        control = one(NESTED)
        assert type(control) is MultipleChoice
        answer = control.answer_of(picked(["a", "a2"], ["b"]))
        assert answer == frozenset({("a", "a2"), ("b",)})
        assert control.in_config(answer)
        assert control.counts([answer]) == {"a2": 1, "b": 1}
        assert control.answer_of(control.result_for(Guess(answer, 1.0))) == answer

    def test_flat_lists_of_nested_choices_are_read_too(self) -> None:
        assert one(NESTED).answer_of(picked("a", "a1")) == frozenset({"a", "a1"})

    def test_labels_worked_by_hand(self) -> None:
        """Two independent labels, each given away by one number: every combination is guessed."""
        combinations = [frozenset(), frozenset("a"), frozenset("b"), frozenset("ab")]
        given = combinations * 10
        data = [{"v": [float("a" in answer), float("b" in answer)]} for answer in given]
        tasks = with_numbers(data)
        learned = one(SEVERAL).learn(tasks, given, how(40))
        assert isinstance(learned, Learned)
        guesses = learned.guess(tasks)
        assert [guess.answer for guess in guesses] == given
        assert dict(guesses[3].parts).keys() == {"a", "b"}
        assert guesses[3].confidence == pytest.approx(np.prod([p for _, p in guesses[3].parts]))

    def test_one_label_at_most_or_none_is_still_learned(self) -> None:
        given = [frozenset("a"), frozenset()] * 10
        data = [{"v": [float(bool(answer))]} for answer in given]
        tasks = with_numbers(data)
        learned = one(SEVERAL).learn(tasks, given, how(20))
        assert isinstance(learned, Learned)
        assert [guess.answer for guess in learned.guess(tasks)] == given

    def test_where_every_task_has_one_label_one_label_is_guessed(self) -> None:
        tasks, given = planted([frozenset("a"), frozenset("b"), frozenset("c")], 30)
        learned = one(SEVERAL).learn(tasks, given, how(30))
        assert isinstance(learned, Learned)
        assert {len(guess.answer) for guess in learned.guess(tasks)} == {1}  # type: ignore[arg-type]


class TestRating:
    def test_stars_beyond_the_most_have_left_the_config(self) -> None:
        assert one(STARS).in_config(4)
        assert not one(STARS).in_config(5)
        assert one(on_text('<Rating name="c" toName="t"/>')).offered == ("1", "2", "3", "4", "5")

    @pytest.mark.parametrize("most", ["", "0", "-3", "many", "4.5", "٣"])
    def test_a_broken_most_is_label_studios_default(self, most: str) -> None:
        assert one(on_text(f'<Rating name="c" toName="t" maxRating="{most}"/>')).in_config(5)

    @pytest.mark.parametrize("most", ["99999999999", "9" * 5000, "0001001"])
    def test_a_slip_in_the_config_makes_no_list_of_millions(self, most: str) -> None:
        assert len(one(on_text(f'<Rating name="c" toName="t" maxRating="{most}"/>')).offered) == 1000

    def test_whole_floats_are_ratings(self) -> None:
        result = [{"from_name": "c", "value": {"rating": 3.0}}]
        assert one(STARS).answer_of(result) == 3


class TestTaxonomy:
    def test_leaves_as_strings_are_read(self) -> None:
        result = [{"from_name": "c", "value": {"taxonomy": ["plant"]}}]
        assert one(TREE).answer_of(result) == frozenset({("plant",)})

    def test_paths_are_counted_by_all_their_labels(self) -> None:
        assert one(TREE).counts([frozenset({("animal", "cat")})]) == {"animal / cat": 1}

    def test_a_tree_in_the_task_data_is_learned_by_what_was_chosen(self) -> None:
        control = one(on_text('<Taxonomy name="c" toName="t" value="$items"/>'))
        assert control.in_config(frozenset({("anything", "at", "all")}))


class TestTheTable:
    def test_a_kind_whose_check_fails_is_named_and_the_others_go_on(self, monkeypatch: Any) -> None:
        class Broken(SingleChoice):
            @staticmethod
            def why_not(tag: ControlTag) -> str | None:
                raise KeyError("oops")

        monkeypatch.setattr("backend.learning.controls.CONTROLS", [Broken, Rating])
        both = TEXT_CONFIG.replace("</View>", '<Rating name="r" toName="text"/></View>')
        questions = read_questions(both)
        assert [control.name for control in questions.controls] == ["r"]
        (said,) = questions.passed_over
        assert "Broken failed on it: KeyError: 'oops'" in said

    def test_several_kinds_may_share_a_tag(self) -> None:
        assert type(one(TEXT_CONFIG)) is SingleChoice
        assert type(one(SEVERAL)) is MultipleChoice
