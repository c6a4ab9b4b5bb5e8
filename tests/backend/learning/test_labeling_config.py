from __future__ import annotations

import re
from typing import Any

import pytest

from backend.errors import LabelingConfigError
from backend.learning.controls import CONTROLS, SUPPORTED, learnable_control
from backend.learning.labeling_config import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    ControlTag,
    config_digest,
    read_controls,
)
from tests.backend.samples import IMAGE_CONFIG, TEXT_CONFIG, chosen, shared

ENTITY = '<!DOCTYPE View [<!ENTITY a "aaaaaaaaaa">{}]><View>{}</View>'
HOSTILE = {
    "billion laughs": ENTITY.format(
        "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "ha" * 10}">' for i in range(10)), "&a9;"
    ),
    "quadratic blowup": ENTITY.format(f'<!ENTITY b "{"b" * 100_000}">', "&b;" * 20_000),
    "external entity": ENTITY.format('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"),
    "parameter entity": ENTITY.format('<!ENTITY % x SYSTEM "http://127.0.0.1:1/x.dtd"> %x;', ""),
    "external DTD": '<!DOCTYPE View SYSTEM "http://127.0.0.1:1/x.dtd"><View/>',
    "200,000 deep": "<a>" * 200_000 + "</a>" * 200_000,
    "80,000 deep, unclosed": "<a>" * 80_000,
    "10 MB": f"<View>{'x' * 10_000_000}</View>",
    "truncated": TEXT_CONFIG[:90],
    "empty": "",
    "blank": " \n ",
    "not XML": "<<<>>>",
    "JSON": '{"label": 1}',
    "two roots": "<View/><View/>",
    "NUL": "<View>\x00</View>",
    "lone surrogate": "<View>\ud800</View>",
    "undefined entity": "<View>&nope;</View>",
    "the same attribute twice": '<View a="1" a="2"/>',
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE)
def test_hostile_configs_are_refused_in_one_line(config: str) -> None:
    with pytest.raises(LabelingConfigError, match=r"^label_config: ") as refused:
        learnable_control(config)
    assert len(str(refused.value)) < 300


def test_what_the_limits_allow_is_read() -> None:
    deep = "<View>" * (MAX_DEPTH - 4) + TEXT_CONFIG + "</View>" * (MAX_DEPTH - 4)
    assert learnable_control(deep).labels == ("cats", "money", "conflict")
    padded = TEXT_CONFIG + " " * (MAX_CHARACTERS - len(TEXT_CONFIG))
    assert learnable_control(padded).labels == ("cats", "money", "conflict")


def test_declared_encodings_do_not_matter_to_text() -> None:
    for name in ("utf-8", "utf-16", "bogus"):
        assert read_controls(f'<?xml version="1.0" encoding="{name}"?>{TEXT_CONFIG.strip()}')


def test_an_error_about_thousands_of_controls_stays_short() -> None:
    config = "<View>" + '<Rating name="c" toName="t"/>' * 5000 + "</View>"
    with pytest.raises(LabelingConfigError, match="and 4992 more") as refused:
        learnable_control(config)
    assert len(str(refused.value)) < 1500


def test_a_control_names_its_object_field_and_labels() -> None:
    (tag,) = read_controls(TEXT_CONFIG)
    assert tag == ControlTag(
        tag="Choices",
        name="topic",
        to_name="text",
        object_tag="Text",
        field="text",
        attributes={"name": "topic", "toName": "text", "choice": "single"},
        # an alias is what annotations hold
        labels=("cats", "money", "conflict"),
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [("$text", "text"), ("$meta.title", "meta.title"), ("Hello $name!", "name"), ("fixed", ""), ("$", "")],
)
def test_the_field_is_the_variable_in_the_objects_value(value: str, field: str) -> None:
    (tag,) = read_controls(TEXT_CONFIG.replace("$text", value))
    assert tag.field == field


def choices(inside: str = '<Choice value="a"/><Choice value="b"/>', attributes: str = "") -> str:
    control = f'<Choices name="c" toName="t" {attributes}>{inside}</Choices>'
    return f'<View><Text name="t" value="$t"/>{control}</View>'


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (choices(attributes='choice="multiple"'), 'choice="multiple"'),
        (choices(attributes='perRegion="true"'), "perRegion"),
        (choices(attributes='perItem="true"'), "perItem"),
        (choices(attributes='value="$options"'), "task data"),
        (choices('<Choice value="a"><Choice value="b"/></Choice><Choice value="c"/>'), "nested"),
        (choices('<Choice value="a"/>'), "fewer than two"),
        (choices('<Choice value="a"/><Choice value="a"/>'), "fewer than two"),
        (choices(""), "fewer than two"),
        (
            f'<View><Repeater on="$utterances">{choices()}</Repeater></View>',
            "Repeater",
        ),
        ('<View><Text name="t" value="$t"/><Rating name="r" toName="t"/></View>', "<Rating"),
        ("<View><Header/></View>", "no control"),
    ],
)
def test_a_config_to_learn_nothing_from_names_the_tag_the_reason_and_what_is_supported(
    config: str, why: str
) -> None:
    with pytest.raises(LabelingConfigError, match=re.escape(why)) as refused:
        learnable_control(config)
    assert SUPPORTED in str(refused.value)
    assert "Choices" in str(refused.value)


@pytest.mark.parametrize("how", ["", 'choice="single"', 'choice="single-radio"', 'showInline="true"'])
def test_single_choices_are_learned_from(how: str) -> None:
    assert learnable_control(choices(attributes=how)).labels == ("a", "b")


def test_the_first_control_that_can_be_learned_from_is_taken() -> None:
    both = '<View><Text name="t" value="$t"/><Rating name="r" toName="t"/>' + choices() + "</View>"
    control = learnable_control(both)
    assert (control.object_tag, control.field, control.labels) == ("Text", "t", ("a", "b"))


def test_the_digest_changes_with_the_config_and_takes_any_text() -> None:
    assert config_digest("a") == config_digest("a") != config_digest("b")
    assert config_digest("\ud800")


def test_the_real_configs_are_read_or_refused_with_a_reason() -> None:
    labels, reasons = {}, {}
    for path in sorted(shared("real/label_studio").glob("*_config*.xml")):
        config = path.read_text("utf-8")
        read_controls(config)
        try:
            labels[path.name] = learnable_control(config).labels
        except LabelingConfigError as error:
            reasons[path.name] = str(error)
    assert len(labels) + len(reasons) >= 20
    assert all(len(found) >= 2 for found in labels.values())
    assert all(SUPPORTED in reason for reason in reasons.values())


LEARNABLE = {"Choices": TEXT_CONFIG}
"""A config for each control of CONTROLS."""


def test_every_control_has_a_config_for_the_contract() -> None:
    assert set(LEARNABLE) == set(CONTROLS)


@pytest.mark.parametrize("tag", sorted(CONTROLS))
class TestControlContract:
    def test_is_found_by_its_tag(self, tag: str) -> None:
        assert isinstance(learnable_control(LEARNABLE[tag]), CONTROLS[tag])

    def test_what_it_predicts_it_reads_as_the_same_label(self, tag: str) -> None:
        control = learnable_control(LEARNABLE[tag])
        for label in control.labels:
            (item,) = result = control.result_for(label, 0.123456)
            assert control.label_of(result) == label
            assert item["score"] == 0.1235
            assert item["from_name"]
            assert item["to_name"]

    @pytest.mark.parametrize(
        "result",
        [
            [],
            [None],
            [5, "x", []],
            [{}],
            [{"from_name": None}],
            [{"from_name": "other", "value": {"choices": ["cats"]}}],
            [{"from_name": "topic"}],
            [{"from_name": "topic", "value": None}],
            [{"from_name": "topic", "value": ["cats"]}],
            [{"from_name": "topic", "value": {"choices": "cats"}}],
            [{"from_name": "topic", "value": {"choices": []}}],
            [{"from_name": "topic", "value": {"choices": [5]}}],
            [{"from_name": "topic", "value": {"choices": ["cats", "money"]}}],
        ],
    )
    def test_a_result_without_one_label_gives_none(self, tag: str, result: list[Any]) -> None:
        assert learnable_control(LEARNABLE[tag]).label_of(result) is None

    def test_other_controls_results_are_passed_over(self, tag: str) -> None:
        control = learnable_control(LEARNABLE[tag])
        label = control.labels[1]
        result = [{"from_name": "note", "value": {"text": ["x"]}}, *control.result_for(label, 1.0)]
        assert control.label_of(result) == label


def test_hand_worked_results() -> None:
    control = learnable_control(IMAGE_CONFIG)
    assert control.label_of(chosen("dark", "kind", "img")) == "dark"
    assert control.result_for("light", 0.5) == [
        {
            "from_name": "kind",
            "to_name": "img",
            "type": "choices",
            "value": {"choices": ["light"]},
            "score": 0.5,
        }
    ]
