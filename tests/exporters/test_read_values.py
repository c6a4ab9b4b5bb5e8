"""What values in a labeling config stand for, and shapes that few tools draw."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from exporters.label_studio.read_shapes import PICTURES, read_brush, read_series, read_sound, read_timeline
from exporters.label_studio.value_expression import ValueExpression, as_text
from exporters.records import AudioSpan, FrameRange, Mask, Points, Polygon, Polyline, SeriesSpan

DATA = {
    "a": {"b": ["x", {"c": 4.0}]},
    "list": [1, None, "z"],
    "flag": True,
    "none": None,
    "x.y": "dotted",
    "my key": 1,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$a.b[0]", "x"),
        ("$a.b[1].c", 4.0),
        ("$a.b.length", 2),
        ("$a.b[7]", ""),
        ("$a.q.z", ""),
        ("$x.y", "dotted"),
        ("$none", ""),
        ("$flag", True),
        ("$my key", 1),
        ("plain words", "plain words"),
        ("n: $a.b[1].c", "n: 4"),
        ("<$list>", "<1,,z>"),
        ("$flag / $none / $missing / $a", "true / null / undefined / [object Object]"),
    ],
)
def test_a_value_is_found_as_label_studio_finds_it(text, value):
    assert ValueExpression(text).resolve(DATA) == value


@pytest.mark.parametrize(
    ("text", "fields", "name", "key"),
    [
        ("$a.b[0]", ("a",), "a.b[0]", None),
        ("$flag", ("flag",), "flag", "flag"),
        ("$x.y", ("x",), "x.y", "x.y"),
        ("$a and $flag and $a", ("a", "flag"), "a", None),
        ("$my key", ("my",), "my", "my key"),
        ("words", (), "", None),
    ],
)
def test_an_expression_knows_the_fields_that_it_reads(text, fields, name, key):
    found = ValueExpression(text)
    assert (found.fields(), found.name, found.key_in(DATA)) == (fields, name, key)


def test_expressions_are_equal_by_their_text():
    assert ValueExpression("$a") == ValueExpression.of_key("a")
    assert ValueExpression("$a") != ValueExpression("$b")
    assert ValueExpression("$a") != "$a"
    assert len({ValueExpression("$a"), ValueExpression("$a")}) == 1
    assert repr(ValueExpression("$a")) == "ValueExpression('$a')"
    assert [bool(ValueExpression(each)) for each in ("", "$a")] == [False, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4"),
        (4.5, "4.5"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        (False, "false"),
        ([1, [2, None]], "1,2,"),
        ("é", "é"),
    ],
)
def test_numbers_and_lists_become_text_as_in_a_browser(value, text):
    assert as_text(value) == text


def bitmask(pixels):
    file = io.BytesIO()
    Image.fromarray(np.uint8(pixels) * 255, "L").save(file, "PNG")
    return {"imageDataURL": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"}


@pytest.mark.parametrize(
    ("kind", "value", "shape"),
    [
        ("keypointlabels", {"x": 10, "y": 50}, Points(((10, 100),))),
        ("polygonlabels", {"points": [[0, 0], [50, 0], [50, 50]]}, Polygon(((0, 0), (50, 0), (50, 100)))),
        ("polygonlabels", {"points": [[0, 0], [50, 50]], "closed": False}, Polyline(((0, 0), (50, 100)))),
        ("vector", {"vertices": [{"x": 0, "y": 0}, {"x": 50, "y": 50}]}, Polyline(((0, 0), (50, 100)))),
        (
            "vector",
            {"vertices": [{"x": 0, "y": 0}, {"x": 50, "y": 0}, {"x": 50, "y": 50}], "closed": True},
            Polygon(((0, 0), (50, 0), (50, 100))),
        ),
    ],
)
def test_percent_of_a_picture_of_100_x_200_become_pixels(kind, value, shape):
    assert PICTURES[kind](value, 100, 200) == shape


def test_a_bitmask_is_cropped_to_its_pixels_and_must_fit_the_picture():
    pixels = np.zeros((4, 6))
    pixels[1:3, 2:5] = 1
    assert PICTURES["bitmask"](bitmask(pixels), 6, 4) == Mask(2, 1, 3, 2, (0, 6))
    with pytest.raises(ValueError, match="of another size than the image"):
        PICTURES["bitmask"](bitmask(pixels), 4, 6)
    with pytest.raises(ValueError, match="the mask is empty"):
        PICTURES["bitmask"](bitmask(np.zeros((4, 6))), 6, 4)


@pytest.mark.parametrize(
    ("read", "value", "why"),
    [
        (PICTURES["polygon"], {"points": [[0, 0], [1, 1]]}, "fewer than 3 points"),
        (PICTURES["polygon"], {"points": [[0, 0]], "closed": False}, "fewer than 2 points"),
        (PICTURES["keypoint"], {"x": float("nan"), "y": 0}, "not finite"),
        (PICTURES["keypoint"], {"x": 1e12, "y": 0}, "out of range"),
        (PICTURES["rectangle"], {"x": 0, "y": 0, "width": float("inf"), "height": 1}, "not finite"),
        (
            PICTURES["ellipse"],
            {"x": 0, "y": 0, "radiusX": 1, "radiusY": 1, "rotation": float("inf")},
            "not finite",
        ),
        (read_brush, {"format": "png", "rle": []}, "brush format 'png' is unknown"),
        (PICTURES["videorectangle"], {"sequence": []}, "the track has no key frame"),
        (read_timeline, {"ranges": []}, "without one range"),
        (read_sound, {"start": 2, "end": 1}, "ends before it starts"),
        (read_sound, {"start": 0, "end": float("inf")}, "not finite"),
    ],
)
def test_a_value_that_is_no_shape_says_why(read, value, why):
    with pytest.raises(ValueError, match=why):
        read(value, 100, 200)


def test_stretches_keep_their_units():
    assert read_timeline({"ranges": [{"start": 1, "end": 4}]}, 0, 0) == FrameRange(0, 3)
    assert read_sound({"start": 1, "end": 2.5, "channel": 0}, 0, 0) == AudioSpan(1.0, 2.5, 0)
    assert read_sound({"start": 1, "end": 1, "channel": "left"}, 0, 0) == AudioSpan(1.0, 1.0, None)
    assert read_series({"start": "2026-01-01", "end": 7}, 0, 0) == SeriesSpan("2026-01-01", 7)
