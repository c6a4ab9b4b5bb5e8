"""Percent to pixels, turns and signs, with numbers worked by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.geometry import (
    bounding_box,
    box_from_corner,
    convex_hull,
    corner_of,
    corners,
    ellipse_outline,
    full_turn,
)
from exporters.label_studio.read_shapes import read_box, read_ellipse, read_polygon, read_track
from exporters.label_studio.write_shapes import MAKE
from exporters.records import Box, Cuboid, Ellipse, KeyFrame, Mask, Polygon, Polyline, Track


def test_percent_become_pixels_of_each_axis():
    box = read_box({"x": 10, "y": 20, "width": 50, "height": 25}, 200, 400)
    assert box == Box(20.0, 80.0, 100.0, 100.0, 0.0)


def test_a_quarter_turn_about_the_top_left_corner_moves_the_center():
    # 40 x 20 from (100, 50), turned clockwise by 90 degrees about (100, 50): it now lies left of and below
    # the corner, from (80, 50) to (100, 90); its center is (90, 70).
    box = box_from_corner(100, 50, 40, 20, 90)
    assert box.left + box.width / 2 == pytest.approx(90)
    assert box.top + box.height / 2 == pytest.approx(70)
    assert (box.width, box.height, box.rotation) == (40, 20, 90)
    xs, ys = zip(*corners(box), strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((80, 100, 50, 90))


def test_negative_angles_come_into_the_full_turn():
    assert full_turn(-90) == 270
    assert full_turn(360) == 0
    assert full_turn(-1e-15) == 0.0
    assert box_from_corner(0, 0, 10, 10, -90).rotation == 270


def test_negative_sides_are_the_same_rectangle_from_another_corner():
    # Drawn from (30, 40) up and to the left by 10 and 20.
    assert box_from_corner(30, 40, -10, -20, 0) == Box(20, 20, 10, 20)
    # The same with a turn: the outline is the plain one, turned about (30, 40).
    turned = box_from_corner(30, 40, -10, -20, 90)
    xs, ys = zip(*corners(turned), strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((30, 50, 30, 40))


finite = st.floats(-500, 500)


@settings(deadline=None)
@given(finite, finite, st.floats(0.5, 300), st.floats(0.5, 300), st.floats(-720, 720))
def test_the_corner_is_found_again_after_any_turn(x, y, width, height, angle):
    found = corner_of(box_from_corner(x, y, width, height, angle))
    assert found == pytest.approx((x, y), abs=1e-6)


@settings(deadline=None)
@given(finite, finite, st.floats(0.5, 300), st.floats(0.5, 300), st.floats(-720, 720))
def test_a_turn_keeps_the_sides(x, y, width, height, angle):
    a, b, c, _ = corners(box_from_corner(x, y, width, height, angle))
    assert math.dist(a, b) == pytest.approx(height)
    assert math.dist(b, c) == pytest.approx(width)
    assert a == pytest.approx((x, y), abs=1e-6)


def test_an_ellipse_is_given_by_its_center():
    shape = read_ellipse({"x": 50, "y": 25, "radiusX": 10, "radiusY": 5, "rotation": -30}, 200, 100)
    assert shape == Ellipse(100.0, 25.0, 20.0, 5.0, 330.0)
    outline = ellipse_outline(Ellipse(10, 20, 4, 2, 90), count=4).points
    assert [tuple(round(n, 9) for n in point) for point in outline] == [(10, 24), (8, 20), (10, 16), (12, 20)]


def test_an_open_polygon_is_a_line():
    points = [[0, 0], [50, 50], [100, 0]]
    assert type(read_polygon({"points": points, "closed": False}, 10, 10)) is Polyline
    assert type(read_polygon({"points": points}, 10, 10)) is Polygon


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_no_box(bad):
    with pytest.raises(ValueError, match="not finite"):
        read_box({"x": bad, "y": 0, "width": 1, "height": 1}, 10, 10)
    with pytest.raises(ValueError, match="not finite"):
        read_box({"x": 0, "y": 0, "width": 1, "height": 1, "rotation": bad}, 10, 10)


def _key(frame, x, enabled=True):
    return {"frame": frame, "enabled": enabled, "x": x, "y": 0, "width": 10, "height": 10, "rotation": 0}


def test_frames_count_from_zero_and_a_disabled_key_is_the_last_that_shows():
    value = {"sequence": [_key(1, 0), _key(5, 40, False), _key(9, 80)], "framesCount": 20}
    track = read_track(value, 100, 100)
    assert [(k.frame, k.shape.left, k.outside) for k in track.frames] == [
        (0, 0, False),
        (4, 40, False),
        (5, 40, True),
        (8, 80, False),
    ]
    assert track.length == 20


def test_an_object_that_leaves_with_the_last_frame_needs_no_end():
    track = read_track({"sequence": [_key(1, 0), _key(5, 40, False)], "framesCount": 5}, 100, 100)
    assert [(k.frame, k.outside) for k in track.frames] == [(0, False), (4, False)]


def test_leaving_between_key_frames_puts_a_key_at_the_last_visible_frame():
    # Visible from 0, gone from 10 on, moving from x=0 to x=100: at frame 9 it is at 90.
    frames = (KeyFrame(0, Box(0, 0, 10, 10)), KeyFrame(10, Box(100, 0, 10, 10), True))
    _, (value,), _ = MAKE[Track](Track(frames, 50), 100, 100)
    assert [(k["frame"], k["x"], k["enabled"]) for k in value["sequence"]] == [(1, 0, True), (10, 90, False)]
    again = read_track(value, 100, 100)
    assert [(k.frame, k.outside) for k in again.frames] == [(0, False), (9, False), (10, True)]


def test_turning_takes_the_short_way_between_key_frames():
    frames = (KeyFrame(0, Box(0, 0, 10, 10, 350)), KeyFrame(4, Box(0, 0, 10, 10, 10), True))
    _, (value,), _ = MAKE[Track](Track(frames), 100, 100)
    assert value["sequence"][-1]["rotation"] == pytest.approx(5)  # 350 + 20 * 3/4


def test_hull_and_bounding_box_by_hand():
    square = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
    assert set(convex_hull((*square, (2.0, 2.0), (1.0, 3.0)))) == set(square)
    assert bounding_box(Cuboid((*square, *((x + 1, y + 2) for x, y in square)))) == Box(0, 0, 5, 6)
    assert bounding_box(Mask(3, 4, 2, 1, (0, 2))) == Box(3, 4, 2, 1)
    assert bounding_box(Ellipse(10, 10, 4, 2)).width == pytest.approx(8)
