"""What is learned of regions, items and repeated parts: which labels occur, and about how often."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from backend.label_studio.records import Annotation
from backend.learning.answers import Guess
from backend.learning.controls import PerPart, RegionLabels, Regions, learnable_controls, read_questions
from backend.learning.controls.occurrences import about_how_often
from backend.learning.labels import read_labels
from backend.learning.learned import Learned
from backend.loop.prefill import Prefill
from exporters.label_studio.labeling_config import read_labeling_config
from tests.backend.learning.lessons import how, item, on_image, on_text, one, with_numbers
from tests.backend.samples import shared

BOXES = on_image(
    '<RectangleLabels name="c" toName="i"><Label value="car"/><Label value="dog"/></RectangleLabels>'
)
BESIDE = on_image(
    '<Labels name="c" toName="i"><Label value="car"/><Label value="dog"/></Labels>'
    '<VideoRectangle name="box" toName="i"/>'
)


def box(label: str, key: str) -> dict[str, Any]:
    return item("c", "rectanglelabels", {"x": 1, "y": 2, "rectanglelabels": [label]}, id=key)


def test_how_often_is_told_by_powers_of_two() -> None:
    assert about_how_often({"car": 5, "dog": 1, "none": 0}) == frozenset(
        {("car", 1), ("car", 2), ("car", 4), ("dog", 1)}
    )


def test_labels_of_regions_are_counted() -> None:
    result = [box("car", "a"), box("car", "b"), box("dog", "c"), box("car", "d")]
    answer = one(BOXES).answer_of(result)
    assert answer == frozenset({("car", 1), ("car", 2), ("dog", 1)})
    assert one(BOXES).counts([answer, answer]) == {"car": 2, "dog": 2}


def test_no_region_is_an_answer_unless_one_is_required() -> None:
    assert one(BOXES).answer_of([]) == frozenset()
    assert one(BOXES.replace('name="c"', 'name="c" required="true"')).answer_of([]) is None


def test_a_label_that_left_the_config_is_told_apart() -> None:
    control = one(BOXES)
    assert not control.in_config(control.answer_of([box("cat", "a")]))


def test_no_region_is_ever_shown() -> None:
    for config in (BOXES, on_image('<Brush name="c" toName="i"/>')):
        assert one(config).result_for(Guess(frozenset({("car", 1)}), 1.0)) == []


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(
            [
                item("box", "rectangle", {"x": 1}, id="a"),
                item("c", "labels", {"x": 1, "labels": ["car"]}, id="a"),
            ],
            id="of two items with one id",
        ),
        pytest.param(
            [{**item("box", "videorectangle", {"sequence": [], "labels": ["car"]}, id="a"), "to_name": "i"}],
            id="of the tool's own item",
        ),
    ],
)
def test_labels_beside_a_tool_are_counted_once_a_region(result: list[dict[str, Any]]) -> None:
    labels, tool = learnable_controls(BESIDE)
    assert (type(labels), type(tool)) == (RegionLabels, Regions)
    assert labels.answer_of(result) == frozenset({("car", 1)})
    assert tool.answer_of(result) == frozenset({("regions", 1)})


def test_most_annotators_decide_label_by_label() -> None:
    car, two, both = (
        frozenset(x) for x in ([("car", 1)], [("car", 1), ("car", 2)], [("car", 1), ("dog", 1)])
    )
    assert one(BOXES).settle([car, two, both]) == car
    assert one(BOXES).settle([car, two]) == two, "the latest decides a tie"
    assert one(BOXES).settle([two, car]) == car


def test_which_labels_occur_is_learned_and_sure_tasks_are_less_in_doubt() -> None:
    """One number gives away the cars, and another is so near the boundary that it cannot be told."""
    given = [frozenset({("car", 1)}), frozenset(), frozenset({("dog", 1)})] * 10
    data = [{"v": [8.0 * (("car", 1) in a), 8.0 * (("dog", 1) in a)]} for a in given]
    learned = one(BOXES).learn(with_numbers(data), given, how(30))
    assert isinstance(learned, Learned)
    asked = with_numbers([*data[:3], {"v": [4.0, 4.0]}])
    assert [g.answer for g in learned.guess(asked)][:3] == given[:3]
    doubt = learned.doubt(asked)
    assert doubt is not None
    assert doubt.argmax() == 3


@pytest.mark.parametrize(
    "tag",
    ["RectangleLabels", "BrushLabels", "VectorLabels", "TimelineLabels", "OcrLabels", "Labels", "LABELS"],
)
def test_whatever_marks_regions_with_labels_is_learned(tag: str) -> None:
    control = one(
        f'<View><Any name="t" value="$t"/><{tag} name="c" toName="t"><Label value="a"/></{tag}></View>'
    )
    assert type(control) is RegionLabels
    assert control.answer_of([item("c", tag.lower(), {tag.lower(): ["a"]}, id="1")]) == frozenset({("a", 1)})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("audio_regions", {"label": {"Beat": 1, "Other": 1}, "choice": {"Lo-Fi": 1}}),
        ("timeseries_single", {"label": {"Run": 1, "Walk": 1}}),
        ("image_keypoints", {"tag": {"Hello": 1, "World": 1}}),
    ],
)
def test_real_annotations_are_counted(name: str, expected: dict[str, dict[str, int]]) -> None:
    folder = shared("real/label_studio")
    (path,) = folder.glob(f"lsf_{name}_annotations_*.json")
    (given,) = json.loads(path.read_text())["annotations"]
    found = {}
    for control in learnable_controls((folder / f"lsf_{name}_config.xml").read_text()):
        answer = control.answer_of(given["result"])
        found[control.name] = control.counts([answer] if answer else [])
    assert found.items() >= expected.items()


class TestPerPart:
    CHOICES = (
        '<Choices name="c" toName="t" {}><Choice value="good"/><Choice value="bad" alias="b"/></Choices>'
    )

    @pytest.mark.parametrize(
        "how_", ['perRegion="true"', 'perItem="true"', 'choice="multiple" perRegion="true"']
    )
    def test_choices_of_parts_are_counted(self, how_: str) -> None:
        control = one(on_text(self.CHOICES.format(how_)))
        assert type(control) is PerPart
        result = [
            item("c", "choices", {"choices": ["good", "b"]}, id="r1"),
            item("region", "labels", {"start": 1, "labels": ["x"]}, id="r1"),
            item("c", "choices", {"choices": ["good"]}, id="r2", item_index=1),
        ]
        assert control.answer_of(result) == frozenset({("good", 1), ("good", 2), ("b", 1)})

    def test_without_a_region_nobody_was_asked_about_one(self) -> None:
        marked = [item("region", "labels", {"start": 1, "labels": ["x"]}, id="r1")]
        per_region = one(on_text(self.CHOICES.format('perRegion="true"')))
        assert per_region.answer_of([]) is None
        assert per_region.answer_of(marked) == frozenset()
        assert one(on_text(self.CHOICES.format('perItem="true"'))).answer_of([]) == frozenset()

    def test_stars_and_paths_are_counted(self) -> None:
        stars = one(on_text('<Rating name="c" toName="t" perRegion="true"/>'))
        assert stars.answer_of([item("c", "rating", {"rating": 3})]) == frozenset({("3", 1)})
        tree = one(on_text('<Taxonomy name="c" toName="t" perItem="true"/>'))
        assert tree.answer_of([item("c", "taxonomy", {"taxonomy": [["a", "b"]]})]) == frozenset(
            {("a / b", 1)}
        )

    def test_the_copies_of_a_repeater_are_one_question(self) -> None:
        inner = '<Text name="t_{{idx}}" value="$l[{{idx}}]"/>' + self.CHOICES.format("").replace(
            '"c"', '"c_{{idx}}"'
        ).replace('toName="t"', 'toName="t_{{idx}}"')
        control = one(f'<View><Repeater on="$l">{inner}</Repeater></View>')
        result = [item(f"c_{i}", "choices", {"choices": ["good"]}, id=str(i)) for i in (0, 11)]
        result.append(item("c_x", "choices", {"choices": ["good"]}))
        assert control.answer_of(result) == frozenset({("good", 1), ("good", 2)})


class TestOrdered:
    @pytest.mark.parametrize("tag", ["TextArea", "DateTime", "Chat", "CustomInterface"])
    def test_what_cannot_be_learned_says_why(self, tag: str) -> None:
        questions = read_questions(on_text(f'<{tag} name="c" toName="t"/>'))
        assert questions.controls == ()
        (said,) = questions.passed_over
        assert said.startswith(f'<{tag} name="c">: ')
        assert "not known" not in said

    def test_an_unknown_tag_keeps_nothing_else_from_being_learned(self) -> None:
        questions = read_questions(BOXES.replace("</View>", '<Strange name="s" toName="i"/></View>'))
        assert [c.name for c in questions.controls] == ["c"]
        assert questions.passed_over == ('<Strange name="s">: this control is not known',)

    def test_a_filter_is_no_question(self) -> None:
        assert read_questions(on_text('<Filter name="f" toName="t"/>')).others == ()


def shown_when(attributes: str, around: str = "") -> str:
    """Return a config whose control `why` is shown under a condition."""
    why = f'<Choices name="why" toName="t" choice="multiple" {attributes}><Choice value="x"/></Choices>'
    return on_text(
        '<Choices name="c" toName="t"><Choice value="yes" alias="y"/><Choice value="no"/></Choices>'
        '<Labels name="l" toName="t"><Label value="A"/></Labels>'
        + (f"<View {around}>{why}</View>" if around else why)
    )


YES = [item("c", "choices", {"choices": ["y"]})]
NO = [item("c", "choices", {"choices": ["no"]})]
MARKED = [item("l", "labels", {"labels": ["A"], "start": 0, "end": 1})]


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ('visibleWhen="choice-selected" whenTagName="c" whenChoiceValue="yes"', (True, False, False, False)),
        (
            'visibleWhen="choice-selected" whenTagName="c" whenChoiceValue="no,yes"',
            (True, True, False, False),
        ),
        ('visibleWhen="choice-selected" whenTagName="c"', (True, True, False, False)),
        ('visibleWhen="choice-selected"', (True, True, False, False)),
        ('visiblewhen="choice-unselected" whentagname="c" whenchoicevalue="yes"', (False, True, True, True)),
        ('visibleWhen="region-selected"', (False, False, True, False)),
        ('visibleWhen="region-selected" whenTagName="l" whenLabelValue="B"', (False, False, False, False)),
        ('visibleWhen="no-region-selected"', (True, True, True, True)),
        ('whenChoiceValue="no"', (False, True, False, False)),
    ],
)
@pytest.mark.parametrize("place", ["control", "view"])
def test_a_question_is_asked_when_its_conditions_hold(
    condition: str, shown: tuple[bool, ...], place: str
) -> None:
    config = shown_when(condition) if place == "control" else shown_when("", condition)
    why = next(c for c in learnable_controls(config) if c.name == "why")
    assert tuple(why.asked(result) for result in (YES, NO, MARKED, [])) == shown
    assert why.asked([None, {"from_name": "c"}, {"from_name": "c", "value": {"choices": 5}}]) is (
        "un" in condition or "no-" in condition
    )
    assert next(c for c in read_labeling_config(config).controls if c.name == "why").is_conditional


WHEN_YES = shown_when('visibleWhen="choice-selected" whenTagName="c" whenChoiceValue="yes"')


def test_a_question_that_was_not_shown_is_neither_answered_nor_empty() -> None:
    given = [(i, [Annotation(i, i, result, False, False, "")]) for i, result in enumerate([YES, NO, []])]
    why = next(
        q for q in read_labels(given, learnable_controls(WHEN_YES)).questions if q.control.name == "why"
    )
    assert why.task_ids.tolist() == [0]
    assert why.answers == (frozenset(),), "shown, and nothing picked"
    assert (why.not_asked, why.empty) == (2, 0)


@pytest.mark.parametrize(("answer", "names"), [("y", ["c", "why"]), ("no", ["c"])])
def test_a_guess_is_shown_only_where_the_others_show_its_question(answer: str, names: list[str]) -> None:
    guesses = {"c": Guess(answer, 0.9), "why": Guess(frozenset({"x"}), 0.9), "l": Guess(frozenset(), 0.9)}
    prefill = Prefill("always", {}, learnable_controls(WHEN_YES))
    (result,) = prefill.results({name: [guess] for name, guess in guesses.items()}, np.array([False]))
    assert [each["from_name"] for each in result] == names
