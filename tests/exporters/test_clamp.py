"""Shapes cut to a picture of 100 x 50, by hand."""

import pytest

from exporters.cvat.clamp import clamped
from exporters.records import Box, Ellipse, Mask, Points, Polygon, Polyline
from tests.exporters.converting import box, converted, task, told


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Box(10, 10, 20, 20), Box(10, 10, 20, 20)),
        (Box(-5, -10, 20, 20), Box(0, 0, 15, 10)),
        (Box(90, 40, 20, 20), Box(90, 40, 10, 10)),
        (Box(-10, -10, 200, 200), Box(0, 0, 100, 50)),
        (Box(100, 10, 20, 20), None),
        (Box(-20, 10, 20, 20), None),
        (Box(10, 50, 20, 20), None),
        (Box(90, 40, 20, 20, 45), Box(90, 40, 20, 20, 45)),
        (Ellipse(100, 50, 10, 10), Ellipse(100, 50, 10, 10)),
        (Polyline(((-5, 5), (105, 60))), Polyline(((0, 5), (100, 50)))),
        (Polygon(((10, 10), (120, 10), (10, 40))), Polygon(((10, 10), (100, 10), (10, 40)))),
        (Polygon(((110, 10), (120, 10), (115, 40))), None),
        (Polygon(((10, 60), (20, 60), (15, 90))), None),
        (Polyline(((10, 10), (10, 40))), Polyline(((10, 10), (10, 40)))),
        (Points(((120, 10),)), None),
        (Points(((20, 10),)), Points(((20, 10),))),
        (Mask(98, 48, 2, 2, (0, 4)), Mask(98, 48, 2, 2, (0, 4))),
        (Mask(99, 48, 2, 2, (0, 4)), Mask(99, 48, 1, 2, (0, 2))),
        (Mask(100, 48, 2, 2, (0, 4)), None),
    ],
)
def test_what_lies_in_the_picture_stays(shape, expected):
    assert clamped(shape, 100, 50) == expected


def test_shapes_that_were_cut_and_those_that_are_gone_are_counted(tmp_path):
    given = task({"image": "a.png"}, box("a", 90), box("b", 120), box("c", 10))
    text, report = converted(tmp_path, "in.json", [given], ".xml", clamp=True)
    assert text.count("<box") == 2
    assert 'xtl="90.00" ytl="20.00" xbr="100.00" ybr="30.00"' in text
    assert told(report) == {"box": {"cut to the picture": 1, "lies outside the picture": 1}}
    assert report.carried == {"box": 1}


def test_without_being_asked_nothing_is_cut(tmp_path):
    text, report = converted(tmp_path, "in.json", [task({"image": "a.png"}, box("a", 90))], ".xml")
    assert 'xtl="90.00" ytl="20.00" xbr="110.00" ybr="30.00"' in text
    assert report.lossless
