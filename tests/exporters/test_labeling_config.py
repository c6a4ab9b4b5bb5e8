"""The labeling config as loop and exporters read it: tags, values, repeaters as Label Studio means them."""

import pytest

from exporters.errors import InputError
from exporters.label_studio.config_tree import MAX_CHARACTERS, MAX_DEPTH, MOST_COPIES
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.label_studio.value_expression import ValueExpression
from tests.exporters.shared import need, real

DATA = {
    "a": "top",
    "doc": {"body": "Mara left.", "no": 4.0},
    "list": ["x", {"b": "second"}],
    "a.b": "a key with a dot",
    "0": "a column without a name",
    "my text": "a key with a blank",
    "my-text": "a key with a dash",
    "none": None,
    "yes": True,
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$a", "top"),
        ("$doc.body", "Mara left."),
        ("$doc.no", 4.0),
        ("$list[0]", "x"),
        ("$list[1].b", "second"),
        ("$list.1.b", "second"),
        ("$list", ["x", {"b": "second"}]),
        ("$list.length", 2),
        ("$a.b", "a key with a dot"),
        ("$0", "a column without a name"),
        ("$my text", "a key with a blank"),
        ("$my-text", "a key with a dash"),
        ("$none", ""),
        ("$missing", ""),
        ("$doc.missing.deeper", ""),
        ("fixed words", "fixed words"),
        ("", ""),
        ("$", "$"),
        ("Subject: $a // $doc.body", "Subject: top // Mara left."),
        # As JavaScript puts them into a text: offsets count in what the annotator saw.
        ("n $doc.no, $yes, $none, $missing", "n 4, true, null, undefined"),
        ("$list and $doc", "x,[object Object] and [object Object]"),
        ("$a$a", "toptop"),
    ],
)
def test_a_value_is_found_as_label_studios_frontend_finds_it(text, found):
    assert ValueExpression(text).resolve(DATA) == found


def test_an_expression_names_the_fields_that_it_reads():
    assert ValueExpression("$a and $doc.body, $list[1].b $a").fields() == ("a", "doc", "list")
    assert ValueExpression("none").fields() == ()
    assert ValueExpression("$doc.body").key_in(DATA) is None
    assert ValueExpression("$a").key_in(DATA) == "a"
    assert ValueExpression("$a.b").key_in(DATA) == "a.b"
    assert ValueExpression("$my text").key_in(DATA) == "my text"
    assert ValueExpression("$doc.body").is_found_in(DATA)
    assert not ValueExpression("$doc.other").is_found_in(DATA)


def test_tags_and_attributes_are_known_in_any_case():
    config = read_labeling_config(
        '<view><IMAGE NAME="i" VALUE="$x"/><choices Name="c" TONAME="i" perregion="TRUE">'
        '<CHOICE VALUE="a"/><choice value="b" ALIAS="bee"/></choices></view>'
    )
    (shown,), (control,) = config.objects, config.controls
    assert (shown.tag, shown.kind, shown.value.text) == ("Image", "image", "$x")
    assert (control.tag, control.object_tag, control.field) == ("Choices", "Image", "x")
    assert control.labels == ("a", "bee")
    assert control.per_region
    assert control.attributes["perRegion"] == "TRUE"


def test_controls_and_objects_stand_in_document_order_with_all_their_objects():
    config = read_labeling_config(
        '<View><Pairwise name="p" toName="one, two"/><Text name="one" value="$a"/>'
        '<Rating name="r" toName="two" visibleWhen="region-selected"/><Table name="t" value="$rows"/>'
        '<Text name="two" value="words $b words" valueType="URL"/></View>'
    )
    assert [shown.name for shown in config.objects] == ["one", "t", "two"]
    assert [shown.kind for shown in config.objects] == ["text", "other", "text"]
    pair, rating = config.controls
    assert (pair.to_name, pair.to_names, pair.field) == ("one", ("one", "two"), "a")
    assert [shown.value.text for shown in pair.objects] == ["$a", "words $b words"]
    assert (rating.field, rating.is_conditional, rating.objects[0].by_address) == ("b", True, True)


def test_choices_form_a_tree_with_paths_of_answers():
    config = read_labeling_config(
        '<View><Text name="t" value="$t"/><Taxonomy name="x" toName="t"><Choice value="Animal">'
        '<Choice value="Cat" alias="cat"/><View><Choice value="Dog"/></View></Choice><Choice value="Stone"/>'
        "</Taxonomy></View>"
    )
    (control,) = config.controls
    assert control.nested
    assert control.labels == ("Animal", "cat", "Dog", "Stone")
    paths = [choice.path for top in control.choices for choice in top.tree()]
    assert paths == [("Animal",), ("Animal", "cat"), ("Animal", "Dog"), ("Stone",)]


def test_choices_from_the_tasks_data_are_added_to_those_of_the_config():
    (control,) = read_labeling_config(
        '<View><Text name="t" value="$t"/><Choices name="c" toName="t" value="$o">'
        '<Choice value="z"/></Choices></View>'
    ).controls
    data = {"o": ["x", {"value": "Y", "alias": "y", "children": [{"value": "deep"}]}, {"no": 1}]}
    found = [choice.path for top in control.choices_for(data) for choice in top.tree()]
    assert found == [("z",), ("x",), ("y",), ("y", "deep")]
    assert control.labels == ("z",)
    assert control.choices_for({}) == control.choices


def test_a_repeater_is_written_out_for_each_task():
    config = read_labeling_config(
        '<View><Repeater on="$pages" indexFlag="{{i}}"><Image name="p_{{i}}" value="$pages[{{i}}].scan"/>'
        '<RectangleLabels name="b_{{i}}" toName="p_{{i}}"><Label value="L"/></RectangleLabels></Repeater>'
        '<Text name="t" value="$t"/></View>'
    )
    assert [control.repeated for control in config.controls] == [True]
    data = {"pages": [{"scan": "1.png"}, {"scan": "2.png"}], "t": "x"}
    done = config.for_task(data)
    assert [shown.name for shown in done.objects] == ["p_0", "p_1", "t"]
    assert [shown.value.resolve(data) for shown in done.objects] == ["1.png", "2.png", "x"]
    assert [(c.name, c.to_name, c.labels) for c in done.controls] == [
        ("b_0", "p_0", ("L",)),
        ("b_1", "p_1", ("L",)),
    ]
    assert config.for_task({}).controls == ()


def test_repeaters_in_repeaters_are_written_out_and_bounded():
    config = read_labeling_config(
        '<View><Repeater on="$docs" indexFlag="{{d}}"><Repeater on="$docs[{{d}}].pages">'
        '<Text name="t_{{d}}_{{idx}}" value="$docs[{{d}}].pages[{{idx}}]"/></Repeater></Repeater></View>'
    )
    data = {"docs": [{"pages": ["a", "b"]}, {"pages": ["c"]}]}
    found = [(shown.name, shown.value.resolve(data)) for shown in config.for_task(data).objects]
    assert found == [("t_0_0", "a"), ("t_0_1", "b"), ("t_1_0", "c")]
    with pytest.raises(InputError, match=f"more than {MOST_COPIES} copies"):
        config.for_task({"docs": [{"pages": [""] * 200}] * 200})


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE v [<!ENTITY a "aaaa">]><View>&a;</View>',
        "<a>" * 200_000,
        f"<View>{'x' * MAX_CHARACTERS}</View>",
        "<View>",
        "<View>\x00</View>",
        "<View>\ud800</View>",
        "JSON",
        '<View a="1" a="2"/>',
    ],
    ids=["entity", "deep", "long", "cut", "NUL", "surrogate", "no XML", "one attribute twice"],
)
def test_a_hostile_config_is_refused_by_name(text):
    with pytest.raises(InputError, match=r"^label_config: ") as refused:
        read_labeling_config(text)
    assert len(str(refused.value)) < 200


def test_what_the_limits_allow_is_read_whatever_encoding_is_declared():
    inside = '<Text name="t" value="$t"/>'
    deep = "<View>" * (MAX_DEPTH - 1) + inside + "</View>" * (MAX_DEPTH - 1)
    for text in (deep, f'<?xml version="1.0" encoding="utf-16"?><View>{inside}</View>'):
        assert read_labeling_config(text).objects[0].name == "t"
    assert read_labeling_config(" \n").objects == ()


def test_every_real_config_is_read():
    for path in need(real("label_studio", "*_config*.xml")):
        config = read_labeling_config(path.read_text("utf-8"))
        assert config.controls
        assert all(control.name and control.to_name for control in config.controls)
