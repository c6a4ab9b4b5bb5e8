"""Annotations from elsewhere in a project whose config stands: what fits is placed, the rest is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.label_studio.fit import Draft, Page
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.records import (
    Annotation,
    Answer,
    AudioSpan,
    Box,
    Caption,
    Cuboid,
    Ellipse,
    Item,
    Mask,
    Points,
    Polygon,
    Polyline,
    Region,
    Relation,
    Skeleton,
    TextSpan,
    Track,
)

PICTURE = """<View>
  <Image name="img" value="$image"/>
  <RectangleLabels name="boxes" toName="img"><Label value="cat"/><Label value="dog"/></RectangleLabels>
  <PolygonLabels name="outlines" toName="img"><Label value="cat"/></PolygonLabels>
  <KeyPointLabels name="marks" toName="img"><Label value="eye"/></KeyPointLabels>
  <Choices name="scene" toName="img"><Choice value="indoors"/><Choice value="outdoors"/></Choices>
  <Choices name="hidden" toName="img" perRegion="true"><Choice value="yes"/><Choice value="no"/></Choices>
  <Number name="age" toName="img" perRegion="true"/>
</View>"""
WORDS = """<View>
  <Text name="txt" value="$text"/>
  <Labels name="ner" toName="txt"><Label value="PER"/><Label value="ORG"/></Labels>
  <Choices name="topic" toName="txt"><Choice value="sport"/><Choice value="news"/></Choices>
  <Choices name="tone" toName="txt" choice="multiple"><Choice value="glad"/><Choice value="sad"/></Choices>
  <Rating name="stars" toName="txt"/>
  <TextArea name="why" toName="txt"/>
</View>"""
CAT = Region(Box(10, 20, 30, 40), ("cat",))


def fitted(config: str, *regions: Region, relations: tuple[Relation, ...] = (), **item: Any) -> Draft:
    """Return what becomes of regions on an image of 100 x 200 pixels, or on the item that is said."""
    draft = Draft(read_labeling_config(config))
    given = {"kind": "image", "media": "a.jpg", "width": 100, "height": 200} | item
    draft.add(Annotation(regions, relations), Item(**given))
    return draft


def test_a_box_goes_to_the_control_that_offers_its_label_in_percent_of_the_picture() -> None:
    (result,) = fitted(PICTURE, CAT).results
    assert result == {
        "id": "r1",
        "from_name": "boxes",
        "to_name": "img",
        "type": "rectanglelabels",
        "original_width": 100,
        "original_height": 200,
        "image_rotation": 0,
        "value": {
            "x": 10.0,
            "y": 10.0,
            "width": 30.0,
            "height": 20.0,
            "rotation": 0.0,
            "rectanglelabels": ["cat"],
        },
    }


@pytest.mark.parametrize(
    ("region", "name"),
    [
        (Region(Polygon(((0, 0), (9, 0), (0, 9))), ("cat",)), "outlines"),
        (Region(Polyline(((0, 0), (9, 0))), ("cat",)), "outlines"),
        (Region(Points(((5, 5),)), ("eye",)), "marks"),
        (Region(Box(1, 1, 2, 2, 30.0), ("dog",)), "boxes"),
    ],
)
def test_each_shape_has_its_own_control(region: Region, name: str) -> None:
    draft = fitted(PICTURE, region)
    assert [result["from_name"] for result in draft.results] == [name]
    assert [note.verb for note in draft.notes] == ["carried"]


@pytest.mark.parametrize(
    ("region", "why"),
    [
        (Region(Box(0, 0, 1, 1), ("horse",)), "'horse' is not in the labeling config: add it to 'boxes'"),
        (Region(Polygon(((0, 0), (9, 0), (0, 9))), ("dog",)), "'dog' is not in the labeling config"),
        (Region(Ellipse(5, 5, 1, 1), ("cat",)), "no control of the type ellipselabels"),
        (Region(Mask(0, 0, 1, 1, (0, 1)), ("cat",)), "no control of the type brushlabels"),
        (Region(Box(0, 0, 1, 1)), "has no label"),
        (Region(Skeleton((CAT,)), ("cat",)), "no place for it"),
        (Region(Track(()), ("cat",)), "no place for it"),
        (Region(AudioSpan(0, 1), ("cat",)), "no control of the type labels"),
        (Region(Answer("choices", ("space",))), "'space' is not in the labeling config: add it to 'scene'"),
        (Region(Answer("choices", ("indoors", "outdoors"))), "2 choices where 'scene' takes one"),
        (Region(Answer("rating", (3,))), "no control of the type rating"),
    ],
)
def test_what_the_config_has_no_place_for_is_dropped_and_the_reason_names_the_fix(
    region: Region, why: str
) -> None:
    draft = fitted(PICTURE, region)
    assert draft.results == []
    ((verb, _, text),) = draft.notes
    assert verb == "dropped"
    assert why in text


def test_a_picture_of_unknown_size_drops_shapes_and_keeps_answers() -> None:
    draft = fitted(PICTURE, CAT, Region(Answer("choices", ("indoors",))), width=None)
    assert [(result["from_name"], result["value"]) for result in draft.results] == [
        ("scene", {"choices": ["indoors"]})
    ]
    assert [note.verb for note in draft.notes] == ["dropped", "carried"]


def test_answers_about_a_region_share_its_id_and_what_no_control_takes_is_told() -> None:
    region = CAT._replace(
        attributes=(("hidden", "yes"), ("age", "3"), ("breed", "manx")),
        captions=(Caption("textarea", "age", ("x",)),),
    )
    draft = fitted(PICTURE, region)
    assert [(r["id"], r["from_name"], r["value"]) for r in draft.results[1:]] == [
        ("r1", "hidden", {"choices": ["yes"]}),
        ("r1", "age", {"number": 3}),
    ]
    ((verb, kind, text),) = draft.notes
    assert (verb, kind) == ("changed", "box")
    assert "'breed' left out" in text
    assert "'age' left out" in text


@pytest.mark.parametrize("value", ["nan", "inf", "many"])
def test_a_number_that_is_none_is_told(value: str) -> None:
    draft = fitted(PICTURE, CAT._replace(attributes=(("age", value),)))
    assert len(draft.results) == 1
    assert draft.notes[0].verb == "changed"


def test_choices_are_parted_among_the_controls_that_offer_them() -> None:
    said = Region(Answer("choices", ("sport", "glad", "sad", "purple")))
    draft = fitted(WORDS, said, kind="text", media="Ann won")
    assert [(r["from_name"], r["value"]["choices"]) for r in draft.results] == [
        ("topic", ["sport"]),
        ("tone", ["glad", "sad"]),
    ]
    assert draft.notes[0][:2] == ("changed", "choices")
    assert "'purple'" in draft.notes[0].text


def test_spans_and_their_relation_keep_their_text() -> None:
    ann, firm = Region(TextSpan(0, 3), ("PER",), "a"), Region(TextSpan(12, 16), ("ORG",), "b")
    link = (Relation("a", "b", ("works for",)), Relation("a", "gone"))
    draft = fitted(WORDS, ann, firm, relations=link, kind="text", media="Ann works at Acme"[:16])
    first, second, relation = draft.results
    assert first["value"] == {"start": 0, "end": 3, "text": "Ann", "labels": ["PER"]}
    assert second["id"] == "r2"
    assert relation == {
        "from_id": "r1",
        "to_id": "r2",
        "type": "relation",
        "direction": "right",
        "labels": ["works for"],
    }
    assert [note.verb for note in draft.notes] == ["carried", "carried", "carried", "dropped"]


def test_offsets_of_html_are_not_guessed() -> None:
    config = WORDS.replace("<Text ", "<HyperText ")
    draft = fitted(config, Region(TextSpan(0, 3), ("PER",)), kind="text", media="Ann won")
    assert draft.results == []
    assert draft.notes[0].verb == "dropped"


def test_an_answer_goes_to_the_control_of_its_name_or_the_only_one_of_its_type() -> None:
    stars = Region(Answer("rating", (4.0,)))
    why = Region(Answer("textarea", ("so",)), control="why")
    draft = fitted(WORDS, stars, why, kind="text", media="x")
    assert [(r["from_name"], r["value"]) for r in draft.results] == [
        ("stars", {"rating": 4}),
        ("why", {"text": ["so"]}),
    ]


def test_pages_say_which_they_are_and_ids_go_on() -> None:
    config = PICTURE.replace('value="$image"', 'valueList="$pages"')
    draft = Draft(read_labeling_config(config))
    item = Item("image", "a.jpg", width=10, height=10)
    for index in range(2):
        draft.add(Annotation((CAT,)), item, Page("img", index))
    assert [(r["id"], r["item_index"]) for r in draft.results] == [("r1", 0), ("r2", 1)]


def test_a_cuboid_is_its_outline() -> None:
    corners = ((0, 0), (4, 0), (4, 4), (0, 4), (2, 2), (6, 2), (6, 6), (2, 6))
    draft = fitted(PICTURE, Region(Cuboid(corners), ("cat",)))
    assert draft.results[0]["from_name"] == "outlines"
    assert draft.notes[0][:2] == ("changed", "cuboid")


LABELS = st.sampled_from(["cat", "dog", "eye", "PER", "horse", ""])
SHAPES = st.sampled_from(
    [
        Box(1, 2, 3, 4),
        Polygon(((0, 0), (9, 0), (0, 9))),
        Points(((1, 1), (2, 2))),
        Ellipse(5, 5, 2, 1),
        Mask(0, 0, 2, 2, (1, 3)),
        Skeleton(()),
        Track(()),
        TextSpan(0, 3),
        AudioSpan(0, 1),
        *(
            Answer(kind, ("cat", "indoors"))
            for kind in ("choices", "taxonomy", "rating", "number", "textarea")
        ),
    ]
)
ATTRIBUTES = st.lists(st.tuples(st.sampled_from(["hidden", "age", "x"]), LABELS), max_size=2)
REGIONS = st.tuples(
    SHAPES, st.lists(LABELS, max_size=2), st.sampled_from([None, "a", "b"]), ATTRIBUTES, st.booleans()
).map(lambda t: Region(t[0], tuple(t[1]), t[2], attributes=tuple(t[3]), occluded=t[4]))
LINKS = st.tuples(st.sampled_from("abc"), st.sampled_from("abc")).map(lambda ends: Relation(*ends))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([PICTURE, WORDS]), st.lists(REGIONS, max_size=5), st.lists(LINKS, max_size=3))
def test_each_region_and_relation_is_told_of_exactly_once_and_each_result_is_of_the_config(
    config: str, regions: list[Region], links: list[Relation]
) -> None:
    draft = fitted(config, *regions, relations=tuple(links))
    assert len(draft.notes) == len(regions) + len(links)
    known = {control.name: control for control in read_labeling_config(config).controls}
    for result in draft.results:
        if result["type"] == "relation":
            continue
        control = known[result["from_name"]]
        assert (result["type"], result["to_name"]) == (control.tag.lower(), control.to_name)
        for label in result["value"].get(result["type"], ()) if result["type"] != "choices" else ():
            assert label in control.labels
    assert (not draft.results) <= all(note.verb == "dropped" for note in draft.notes)
