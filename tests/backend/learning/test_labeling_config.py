from __future__ import annotations

import re

import pytest

from backend.errors import LabelingConfigError
from backend.learning.controls import SUPPORTED, Rating, SingleChoice, learnable_controls, read_questions
from backend.learning.labeling_config import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    ControlTag,
    config_digest,
    read_controls,
)
from tests.backend.samples import TEXT_CONFIG, shared

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
        learnable_controls(config)
    assert len(str(refused.value)) < 300


def test_what_the_limits_allow_is_read() -> None:
    deep = "<View>" * (MAX_DEPTH - 4) + TEXT_CONFIG + "</View>" * (MAX_DEPTH - 4)
    assert learnable_controls(deep)[0].offered == ("cats", "money", "conflict")
    padded = TEXT_CONFIG + " " * (MAX_CHARACTERS - len(TEXT_CONFIG))
    assert learnable_controls(padded)[0].offered == ("cats", "money", "conflict")


def test_declared_encodings_do_not_matter_to_text() -> None:
    for name in ("utf-8", "utf-16", "bogus"):
        assert read_controls(f'<?xml version="1.0" encoding="{name}"?>{TEXT_CONFIG.strip()}')


def test_an_error_about_thousands_of_controls_stays_short() -> None:
    config = "<View>" + '<TextArea name="c" toName="t"/>' * 5000 + "</View>"
    with pytest.raises(LabelingConfigError, match="and 4992 more") as refused:
        learnable_controls(config)
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
        (choices(attributes='value="options"'), "task data"),
        (choices('<Choice value="a"/>', 'required="true"'), "one <Choice> alone and is required"),
        (choices(""), "no <Choice> tag"),
        ('<View><Text name="t" value="$t"/><TextArea name="r" toName="t"/></View>', "<TextArea"),
        ("<View><Header/></View>", "no control"),
    ],
)
def test_a_config_to_learn_nothing_from_names_the_tag_the_reason_and_what_is_supported(
    config: str, why: str
) -> None:
    with pytest.raises(LabelingConfigError, match=re.escape(why)) as refused:
        learnable_controls(config)
    assert SUPPORTED in str(refused.value)
    assert "Choices" in str(refused.value)


@pytest.mark.parametrize("how", ["", 'choice="single"', 'choice="single-radio"', 'showInline="true"'])
def test_single_choices_are_learned_from(how: str) -> None:
    (control,) = learnable_controls(choices(attributes=how))
    assert control.offered == ("a", "b")


def test_every_control_that_can_be_learned_from_is_taken_in_order() -> None:
    both = '<View><Text name="t" value="$t"/><Rating name="r" toName="t"/><TextArea name="x" toName="t"/>'
    questions = read_questions(both + choices() + "</View>")
    assert [type(control) for control in questions.controls] == [Rating, SingleChoice]
    assert questions.passed_over == ('<TextArea name="x">: what annotators write is not learned from',)


def test_the_digest_changes_with_the_config_and_takes_any_text() -> None:
    assert config_digest("a") == config_digest("a") != config_digest("b")
    assert config_digest("\ud800")


def test_the_real_configs_are_read_or_refused_with_a_reason() -> None:
    labels, reasons = {}, {}
    for path in sorted(shared("real/label_studio").glob("*_config*.xml")):
        config = path.read_text("utf-8")
        read_controls(config)
        try:
            labels[path.name] = [control.name for control in learnable_controls(config)]
        except LabelingConfigError as error:
            reasons[path.name] = str(error)
    assert len(labels) + len(reasons) >= 20
    assert all(labels.values())
    assert all(SUPPORTED in reason for reason in reasons.values())
