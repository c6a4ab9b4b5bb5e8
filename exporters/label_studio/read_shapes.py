"""The values of Label Studio's region types, from percent of the picture to shapes in pixels.

Each reader takes the `value` of a result item and the width and height of the picture, and returns a shape,
or raises `ValueError` (also KeyError, TypeError for missing and mistyped parts) when the value is not one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from exporters.geometry import box_from_corner, full_turn, scaled
from exporters.records import (
    FARTHEST,
    AudioSpan,
    Box,
    Ellipse,
    FrameRange,
    KeyFrame,
    Points,
    Polygon,
    Polyline,
    SeriesSpan,
    Shape,
    Track,
    new,
)
from exporters.report import Ledger

Value = Mapping[str, Any]
ShapeReader = Callable[[Value, int, int], Shape]


def read_box(value: Value, width: int, height: int) -> Box:
    """Return the rectangle; Label Studio turns it about its top left corner."""
    scale_x, scale_y = width / 100.0, height / 100.0
    left, top = value["x"] * scale_x, value["y"] * scale_y
    wide, high = value["width"] * scale_x, value["height"] * scale_y
    angle = value.get("rotation")
    # Most boxes, by the shortest way.
    is_plain = left >= 0.0 and top >= 0.0 and wide >= 0.0 and high >= 0.0 and not angle
    if is_plain and left + top + wide + high <= FARTHEST:
        return new(Box, (left, top, wide, high, 0.0))
    # `not <=` and not `>`: nan is refused as well.
    if not abs(left) + abs(top) + abs(wide) + abs(high) <= FARTHEST:
        raise ValueError(_why_not(left + top + wide + high))
    return box_from_corner(left, top, wide, high, _finite(angle or 0.0))


def _finite(number: float) -> float:
    if not abs(number) <= FARTHEST:
        raise ValueError(_why_not(number))
    return number


def _why_not(number: float) -> str:
    return "a coordinate is out of range" if isfinite(number) else "a coordinate is not finite"


def _points(points: Any, width: int, height: int) -> tuple[tuple[float, float], ...]:
    found = scaled(points, width / 100.0, height / 100.0)
    for x, y in found:
        _finite(x)
        _finite(y)
    return found


def read_polygon(value: Value, width: int, height: int) -> Polygon | Polyline:
    """Return the polygon; one that was left open is a line."""
    points = _points(value["points"], width, height)
    if value.get("closed", True):
        return Polygon(_enough(points, 3))
    return Polyline(_enough(points, 2))


def _enough(points: tuple[tuple[float, float], ...], least: int) -> tuple[tuple[float, float], ...]:
    if len(points) < least:
        raise ValueError(f"fewer than {least} points")
    return points


def read_vector(value: Value, width: int, height: int) -> Polygon | Polyline:
    """Return the vector drawing as straight lines between its vertices."""
    vertices = ((vertex["x"], vertex["y"]) for vertex in value["vertices"])
    points = _points(vertices, width, height)
    return Polygon(_enough(points, 3)) if value.get("closed") else Polyline(_enough(points, 2))


def read_keypoint(value: Value, width: int, height: int) -> Points:
    """Return the key point."""
    return Points(_points([(value["x"], value["y"])], width, height))


def read_ellipse(value: Value, width: int, height: int) -> Ellipse:
    """Return the ellipse; x and y are its center."""
    (center,) = _points([(value["x"], value["y"])], width, height)
    ((radius_x, radius_y),) = _points([(value["radiusX"], value["radiusY"])], width, height)
    angle = full_turn(_finite(value.get("rotation") or 0.0))
    return Ellipse(*center, abs(radius_x), abs(radius_y), angle)


def read_brush(value: Value, width: int, height: int) -> Shape:
    """Return the brush stroke's mask."""
    if value.get("format", "rle") != "rle":
        raise ValueError(f"brush format {value.get('format')!r} is unknown")
    from exporters.masks import brush_mask  # numpy, where there are masks

    mask = brush_mask(value["rle"], width, height)
    if mask is None:
        raise ValueError("the mask is empty")
    return mask


def read_png(value: Value, width: int, height: int) -> Shape:
    """Return the bitmask's mask."""
    from exporters.masks import mask_from_array, read_bitmask

    pixels = read_bitmask(value["imageDataURL"])
    if pixels.shape != (height, width):
        raise ValueError("bitmask of another size than the image")
    mask = mask_from_array(pixels)
    if mask is None:
        raise ValueError("the mask is empty")
    return mask


def read_track(value: Value, width: int, height: int) -> Track:
    """Return the track.

    Label Studio counts frames from 1; a key frame that is not `enabled` is the last one that shows the
    object.
    """
    length = value.get("framesCount")
    # One of each frame: of several the last stands, as in Label Studio's editor.
    keys = {max(int(_finite(key["frame"])), 1): key for key in value["sequence"]}
    frames: list[KeyFrame] = []
    for place, key in sorted(keys.items()):
        number = place - 1
        box = read_box(key, width, height)
        # A key frame right where the object was said to have left: it is back.
        if frames and frames[-1].frame >= number:
            frames.pop()
        frames.append(KeyFrame(number, box))
        if not key.get("enabled", True) and (length is None or number + 1 < length):
            frames.append(KeyFrame(number + 1, box, True))
    if not frames:
        raise ValueError("the track has no key frame")
    return Track(tuple(frames), int(_finite(length)) if length else None)


_OF_KEY_FRAME = frozenset(("frame", "enabled", "time", "auto", "x", "y", "width", "height", "rotation"))


def note_remarks(value: Value, place: str, ledger: Ledger) -> None:
    """Count what a track or a vector says that its shape has no place for."""
    keys = value.get("sequence")
    if isinstance(keys, list):
        numbers = [max(int(key["frame"]), 1) for key in keys]
        if len(set(numbers)) < len(numbers):
            how, count = "several of one frame: the last stands", len(numbers) - len(set(numbers))
            ledger.change("key frame", how, place, count)
        if any(key["frame"] != number for key, number in zip(keys, numbers, strict=True)):
            ledger.change("key frame", "its number is no whole one from 1 on", place)
        for key in sorted(map(str, set().union(*keys) - _OF_KEY_FRAME)):
            ledger.drop("key", f"{key[:40]!r} of a key frame is not known", place)
    if any(vertex.get("isBezier") for vertex in value.get("vertices") or ()):
        ledger.change("curve", "as straight lines between its points", place)


def read_timeline(value: Value, width: int, height: int) -> FrameRange:
    """Return the stretch of frames."""
    ranges = value["ranges"]
    if len(ranges) != 1:
        raise ValueError("a timeline region without one range")
    # Label Studio counts frames from 1, both ends included.
    return FrameRange(int(_finite(ranges[0]["start"])) - 1, int(_finite(ranges[0]["end"])) - 1)


def read_sound(value: Value, width: int, height: int) -> AudioSpan:
    """Return the stretch of sound."""
    start, end = _finite(value["start"] + 0.0), _finite(value["end"] + 0.0)
    if end < start:
        raise ValueError("ends before it starts")
    channel = value.get("channel")
    return AudioSpan(start, end, channel if isinstance(channel, int) else None)


def read_series(value: Value, width: int, height: int) -> SeriesSpan:
    """Return the stretch of the series."""
    return SeriesSpan(value["start"], value["end"])


PICTURES: dict[str, ShapeReader] = {
    "rectanglelabels": read_box,
    "rectangle": read_box,
    "polygonlabels": read_polygon,
    "polygon": read_polygon,
    "vectorlabels": read_vector,
    "vector": read_vector,
    "keypointlabels": read_keypoint,
    "keypoint": read_keypoint,
    "ellipselabels": read_ellipse,
    "ellipse": read_ellipse,
    "brushlabels": read_brush,
    "brush": read_brush,
    "magicwand": read_brush,
    "bitmasklabels": read_png,
    "bitmask": read_png,
    "videorectangle": read_track,
}
ANSWERS = (
    "choices",
    "taxonomy",
    "rating",
    "number",
    "datetime",
    "textarea",
    "pairwise",
    "ranker",
)
