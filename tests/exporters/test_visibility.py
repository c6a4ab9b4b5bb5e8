"""When a control is shown: what `visibleWhen` waits for, on itself and on the views around it."""

import pytest

from exporters.label_studio.labeling_config import read_labeling_config
from exporters.label_studio.visibility import Condition


def chose(name, *values, kind="choices"):
    return {"from_name": name, "type": kind, "value": {kind: list(values)}}


def marked(name, *labels):
    return {"from_name": name, "type": "rectanglelabels", "value": {"rectanglelabels": list(labels)}}


@pytest.mark.parametrize(
    ("condition", "result", "expected"),
    [
        (Condition("choice-selected"), [chose("a", "x")], True),
        (Condition("choice-selected"), [], False),
        (Condition("choice-selected", "a"), [chose("b", "x")], False),
        (Condition("choice-selected", "a", frozenset(["x"])), [chose("a", "x")], True),
        (Condition("choice-selected", "a", frozenset(["x"])), [chose("a", "y")], False),
        (Condition("choice-selected", "a", frozenset(["x", "y"])), [chose("a", "z", "y")], True),
        (Condition("choice-selected", "", frozenset(["y"])), [chose("t", ["x", "y"], kind="taxonomy")], True),
        (
            Condition("choice-selected", "", frozenset(["x"])),
            [chose("t", ["x", "y"], kind="taxonomy")],
            False,
        ),
        (Condition("choice-unselected", "a"), [], True),
        (Condition("choice-unselected", "a", frozenset(["x"])), [chose("a", "x")], False),
        (Condition("choice-unselected", "a", frozenset(["x"])), [chose("a", "y")], True),
        (Condition("region-selected"), [chose("a", "x")], False),
        (Condition("region-selected"), [marked("r", "dog")], True),
        (Condition("region-selected"), [marked("r")], True),
        (Condition("region-selected", "r", frozenset(["dog"])), [marked("r", "cat")], False),
        (Condition("region-selected", "r", frozenset(["dog"])), [marked("r", "cat", "dog")], True),
        (Condition("region-selected", "q"), [marked("r", "dog")], False),
        (Condition("no-region-selected"), [], True),
        (
            Condition("choice-selected"),
            [None, 3, {"value": []}, {"type": ["choices"], "value": {"choices": 4}}],
            False,
        ),
    ],
)
def test_a_condition_holds_for_what_was_said(condition, result, expected):
    assert condition.holds(result) is expected


def conditions(control):
    config = f"""<View><Text name="t" value="$t"/>
    <Choices name="mood" toName="t"><Choice value="good" alias="g"/><Choice value="bad"/></Choices>
    <View visibleWhen="region-selected" whenLabelValue="dog,cat">{control}</View></View>"""
    found = {each.name: each for each in read_labeling_config(config).controls}
    return found["why"].conditions


def test_the_conditions_around_a_control_are_its_own_the_outermost_last():
    shown = 'visibleWhen="choice-selected" whenTagName="mood" whenChoiceValue="bad"'
    own, around = conditions(f'<TextArea name="why" toName="t" {shown}/>')
    assert own == Condition("choice-selected", "mood", frozenset(["bad"]))
    assert around == Condition("region-selected", "", frozenset(["dog", "cat"]))


def test_a_condition_knows_the_alias_that_annotations_hold():
    own, _ = conditions('<TextArea name="why" toName="t" whenTagName="mood" whenChoiceValue="good"/>')
    assert own == Condition("choice-selected", "mood", frozenset(["good", "g"]))
    assert own.holds([chose("mood", "g")])


def test_a_control_without_a_condition_has_those_around_it_alone():
    (around,) = conditions('<TextArea name="why" toName="t"/>')
    assert around.when == "region-selected"
