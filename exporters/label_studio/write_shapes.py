"""Shapes as the values of Label Studio's regions: from pixels to percent of the picture.

Each maker takes a shape and the width and height of the picture, and returns (type, values, how it was
changed): more than one value where Label Studio needs several regions for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from exporters.geometry import bounding_box, convex_hull, corner_of, scaled
from exporters.records import (
    AudioSpan,
    Box,
    Cuboid,
    Ellipse,
    FrameRange,
    KeyFrame,
    Mask,
    Point,
    Points,
    Polygon,
    Polyline,
    SeriesSpan,
    Skeleton,
    TextSpan,
    Track,
)

# What Label Studio takes for a video that says nothing else; it goes by frames, the times are for show.
FRAME_RATE = 24.0
Made = tuple[str, list[dict[str, Any]], str]


def make_box(box: Box, width: int, height: int) -> Made:
    return "rectanglelabels", [_box_value(box, width, height)], ""


def _box_value(box: Box, width: int, height: int) -> dict[str, Any]:
    x, y = corner_of(box)
    return {
        "x": x * 100.0 / width,
        "y": y * 100.0 / height,
        "width": box.width * 100.0 / width,
        "height": box.height * 100.0 / height,
        "rotation": box.rotation,
    }


def _percent(points: Iterable[Point], width: int, height: int) -> list[list[float]]:
    return [[x, y] for x, y in scaled(points, 100.0 / width, 100.0 / height)]


def _polygon(polygon: Polygon, width: int, height: int) -> Made:
    return "polygonlabels", [{"points": _percent(polygon.points, width, height), "closed": True}], ""


def _polyline(line: Polyline, width: int, height: int) -> Made:
    return "polygonlabels", [{"points": _percent(line.points, width, height), "closed": False}], ""


def _points(points: Points, width: int, height: int) -> Made:
    # Label Studio draws a key point as wide as it says, in percent of the picture.
    values = [{"x": x, "y": y, "width": 0.5} for x, y in _percent(points.points, width, height)]
    return "keypointlabels", values, "" if len(values) == 1 else "several points: one key point for each"


def _ellipse(ellipse: Ellipse, width: int, height: int) -> Made:
    value = {
        "x": ellipse.x * 100.0 / width,
        "y": ellipse.y * 100.0 / height,
        "radiusX": ellipse.radius_x * 100.0 / width,
        "radiusY": ellipse.radius_y * 100.0 / height,
        "rotation": ellipse.rotation,
    }
    return "ellipselabels", [value], ""


def _mask(mask: Mask, width: int, height: int) -> Made:
    from exporters.masks import image_runs, pack_runs  # numpy, where there are masks

    is_inside = mask.left >= 0 and mask.top >= 0
    is_inside = is_inside and mask.left + mask.width <= width and mask.top + mask.height <= height
    packed = pack_runs(image_runs(mask, width, height).tolist(), width * height)
    return "brushlabels", [{"format": "rle", "rle": packed}], "" if is_inside else "mask cut to the picture"


def _cuboid(cuboid: Cuboid, width: int, height: int) -> Made:
    outline = Polygon(convex_hull(cuboid.corners))
    return *_polygon(outline, width, height)[:2], "cuboid: as its outline"


def _track(track: Track, width: int, height: int) -> Made:
    how = ""
    frames = []
    for frame in track.frames:
        if not isinstance(frame.shape, Box):
            box = bounding_box(frame.shape)
            frame, how = frame._replace(shape=box), "track: as its bounding boxes"
        frames.append(frame)
    if any(frame.attributes or frame.occluded or frame.z_order for frame in frames):
        how = how or "what changes from frame to frame left out"
    count = track.length or frames[-1].frame + 1
    sequence = _sequence(frames, width, height)
    value = {"framesCount": count, "duration": count / FRAME_RATE, "sequence": sequence}
    return "videorectangle", [value], how


def _sequence(frames: list[KeyFrame], width: int, height: int) -> list[dict[str, Any]]:
    """Return the key frames; where the object leaves, Label Studio marks the last frame that shows it."""
    sequence: list[dict[str, Any]] = []
    last: KeyFrame | None = None
    for frame in frames:
        assert isinstance(frame.shape, Box)
        if not frame.outside:
            sequence.append(_key(frame.frame, frame.shape, width, height))
        elif last is not None and not last.outside:
            if last.frame < frame.frame - 1:
                assert isinstance(last.shape, Box)
                part = (frame.frame - 1 - last.frame) / (frame.frame - last.frame)
                between = _between(last.shape, frame.shape, part)
                sequence.append(_key(frame.frame - 1, between, width, height))
            sequence[-1]["enabled"] = False
        last = frame
    if not sequence:
        raise ValueError("the track is never in the picture")
    return sequence


def _key(frame: int, box: Box, width: int, height: int) -> dict[str, Any]:
    # Label Studio counts frames from 1.
    number = frame + 1
    return {
        "frame": number,
        "enabled": True,
        "time": number / FRAME_RATE,
        **_box_value(box, width, height),
    }


def _between(one: Box, other: Box, part: float) -> Box:
    # The short way around: from 350 to 10 degrees is a turn of 20.
    turn = (other.rotation - one.rotation + 180.0) % 360.0 - 180.0
    left, top, width, height = (a + (b - a) * part for a, b in zip(one[:4], other[:4], strict=True))
    return Box(left, top, width, height, (one.rotation + turn * part) % 360.0)


def _range(span: FrameRange, width: int, height: int) -> Made:
    return "timelinelabels", [{"ranges": [{"start": span.start + 1, "end": span.end + 1}]}], ""


def _sound(span: AudioSpan, width: int, height: int) -> Made:
    value: dict[str, Any] = {"start": span.start, "end": span.end}
    if span.channel is not None:
        value["channel"] = span.channel
    return "labels", [value], ""


def _text(span: TextSpan, width: int, height: int) -> Made:
    return "labels", [{"start": span.start, "end": span.end}], ""


def _series(span: SeriesSpan, width: int, height: int) -> Made:
    return "timeserieslabels", [{"start": span.start, "end": span.end, "instant": span.start == span.end}], ""


MAKE: dict[type, Callable[[Any, int, int], Made]] = {
    Box: make_box,
    Polygon: _polygon,
    Polyline: _polyline,
    Points: _points,
    Ellipse: _ellipse,
    Mask: _mask,
    Cuboid: _cuboid,
    Track: _track,
    FrameRange: _range,
    AudioSpan: _sound,
    TextSpan: _text,
    SeriesSpan: _series,
}
PICTURES = frozenset((Box, Polygon, Polyline, Points, Ellipse, Mask, Cuboid, Skeleton, Track))
