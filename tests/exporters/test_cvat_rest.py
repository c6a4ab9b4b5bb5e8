"""Annotations as CVAT's server tells them: numbers, ids and frames become shapes, labels and annotations."""

from __future__ import annotations

from typing import Any

import pytest

from exporters.cvat.rest import FrameReader, Label
from exporters.records import (
    Answer,
    Box,
    Cuboid,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    Relation,
)

READER = FrameReader(
    {1: Label("cat", {11: "age", 12: "fur"}), 2: Label("indoors"), 3: Label("stars", {31: "rating"})},
    ("", "-"),
)


def shape(kind: str, points: list[float], **more: Any) -> dict[str, Any]:
    """Return a shape as the server tells it."""
    return {"type": kind, "label_id": 1, "frame": 4, "points": points, "source": "auto", **more}


@pytest.mark.parametrize(
    ("told", "geometry"),
    [
        (shape("rectangle", [10, 20, 40, 60]), Box(10, 20, 30, 40)),
        (shape("rectangle", [10, 20, 40, 60], rotation=350.0), Box(10, 20, 30, 40, 350.0)),
        (shape("polygon", [0, 0, 9.5, 0, 0, 9]), Polygon(((0, 0), (9.5, 0), (0, 9)))),
        (shape("polyline", [0, 0, 9, 1e-7]), Polyline(((0, 0), (9, 1e-7)))),
        (shape("points", [1, 2, 3, 4]), Points(((1, 2), (3, 4)))),
        # The second point is the corner of its frame: 3 to the right and 4 up.
        (shape("ellipse", [10, 20, 13, 16], rotation=45.0), Ellipse(10, 20, 3, 4, 45.0)),
        # Two unset pixels, one set, one unset in the rectangle from (5, 6) to (6, 7), both ends included.
        (shape("mask", [2, 1, 1, 5, 6, 6, 7]), Mask(5, 6, 2, 2, (2, 1, 1))),
        (
            shape("cuboid", list(range(16))),
            Cuboid(((0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13), (14, 15))),
        ),
    ],
)
def test_each_shape_is_what_the_server_draws(told: dict[str, Any], geometry: Any) -> None:
    annotation, ledger = READER.read({"shapes": [told]})[4]
    (region,) = annotation.regions
    assert region.shape == geometry
    assert region.labels == ("cat",)
    assert not annotation.is_prediction
    assert not ledger.dropped


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (shape("rectangle", [10, 20, 40]), "a number is wrong"),
        (shape("rectangle", [10, 20, 40, float("nan")]), "a coordinate is not finite"),
        (shape("polygon", [0, 0, 9]), "a number is wrong"),
        (shape("polygon", [0, 0, 9, 9]), "fewer than 3 points"),
        (shape("mask", [2, 1, 5, 6, 6, 7]), "the runs of the mask do not fill its rectangle"),
        (shape("mask", []), "a number is wrong"),
        (shape("skeleton", []), "no place for it in Label Studio"),
        (shape("rectangle", [1, 2, 3, 4], label_id=99), "its label is not among those of the project"),
        (shape("rectangle", [1, 2, 3, 4], outside=True), "is outside of the picture"),
    ],
)
def test_a_shape_that_is_none_is_dropped_with_its_reason_and_the_others_stay(
    told: dict[str, Any], why: str
) -> None:
    annotation, ledger = READER.read({"shapes": [told, shape("rectangle", [1, 2, 3, 4])]})[4]
    assert len(annotation.regions) == 1
    (((_, text), count),) = ledger.dropped.items()
    assert count == 1
    assert why in text or why == "a number is wrong"


def test_attributes_go_by_their_names_and_what_nobody_chose_is_none() -> None:
    attributes = [{"spec_id": 11, "value": "3"}, {"spec_id": 12, "value": "-"}, {"spec_id": 99, "value": "x"}]
    annotation, _ = READER.read({"shapes": [shape("rectangle", [1, 2, 3, 4], attributes=attributes)]})[4]
    assert annotation.regions[0].attributes == (("age", "3"),)


def test_tags_become_one_choice_and_told_ones_their_answers() -> None:
    tags = [
        {"label_id": 2, "frame": 0},
        {"label_id": 1, "frame": 0},
        {"label_id": 3, "frame": 0, "attributes": [{"spec_id": 31, "value": "4"}]},
    ]
    annotation, _ = READER.read({"tags": tags})[0]
    shapes = [(region.shape, region.control) for region in annotation.regions]
    assert shapes == [(Answer("choices", ("indoors", "cat")), ""), (Answer("rating", (4,)), "stars")]


def test_groups_are_relations_to_the_first() -> None:
    shapes = [shape("rectangle", [1, 2, 3, 4], group=n) for n in (7, 0, 7, 7, 8)]
    annotation, ledger = READER.read({"shapes": shapes})[4]
    assert annotation.relations == (Relation("0", "2", (), "bi"), Relation("0", "3", (), "bi"))
    assert ledger.changed == {
        ("group", "as relations"): 1,
        ("group", "has one region in its annotation: left out"): 1,
    }


def test_frames_are_kept_apart_and_a_frame_without_a_word_has_none() -> None:
    said = {
        "shapes": [shape("rectangle", [1, 2, 3, 4]), shape("rectangle", [1, 2, 3, 4], frame=6)],
        "tracks": [{"label_id": 1, "frame": 8, "shapes": []}],
    }
    found = READER.read(said)
    assert sorted(found) == [4, 6, 8]
    assert len(found[8][0].regions) == 1


def test_masks_are_those_of_cvats_own_encoder() -> None:
    numpy = pytest.importorskip("numpy")
    masks = pytest.importorskip("cvat_sdk.masks", reason="cvat-sdk is not installed")
    bitmap = numpy.zeros((9, 7), dtype=bool)
    bitmap[2:5, 3] = bitmap[3, 1:6] = True
    annotation, _ = READER.read({"shapes": [shape("mask", [float(n) for n in masks.encode_mask(bitmap)])]})[4]
    found = annotation.regions[0].shape
    assert isinstance(found, Mask)
    drawn = numpy.zeros_like(bitmap)
    values = numpy.repeat([i % 2 == 1 for i in range(len(found.runs))], found.runs)
    drawn[found.top : found.top + found.height, found.left : found.left + found.width] = values.reshape(
        found.height, found.width
    )
    assert (drawn == bitmap).all()
