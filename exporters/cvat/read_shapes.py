"""CVAT's elements as shapes: each reader takes the attributes of an element."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from exporters.cvat.write_shapes import CORNERS
from exporters.records import (
    FARTHEST,
    LARGEST_IMAGE,
    Box,
    Cuboid,
    Ellipse,
    Geometry,
    Mask,
    Point,
    Points,
    Polygon,
    Polyline,
    Region,
    Skeleton,
    new,
)
from exporters.report import Ledger

Given = Mapping[str, str]
LARGEST_WHOLE = 1 << 31


def _finite(*numbers: float) -> None:
    if not all(map(isfinite, numbers)):
        raise ValueError("a coordinate is not finite")
    # Python reads "nan" and "1e308" as floats: the one passes any comparison, the other overflows in percent.
    if max(map(abs, numbers)) > FARTHEST:
        raise ValueError("a coordinate is out of range")


def _angle(given: Given) -> float:
    angle = float(given.get("rotation", 0.0))
    _finite(angle)
    return angle % 360.0


def read_box(given: Given) -> Box:
    """Return the box; one with its corners swapped is put right."""
    left, top = float(given["xtl"]), float(given["ytl"])
    width, height = float(given["xbr"]) - left, float(given["ybr"]) - top
    # Most boxes, by the shortest way.
    is_plain = left >= 0.0 and top >= 0.0 and width >= 0.0 and height >= 0.0 and "rotation" not in given
    if is_plain and left + top + width + height <= FARTHEST:
        return new(Box, (left, top, width, height, 0.0))
    _finite(left, top, width, height)
    if width < 0.0 or height < 0.0:
        left, top = min(left, left + width), min(top, top + height)
        width, height = abs(width), abs(height)
    return Box(left, top, width, height, _angle(given) if "rotation" in given else 0.0)


def _points(given: Given, least: int) -> tuple[Point, ...]:
    points = []
    # A semicolon at the end would make an empty point of what follows it.
    for pair in given["points"].rstrip("; ").split(";"):
        x, y = pair.split(",")
        points.append((float(x), float(y)))
    _finite(*(number for point in points for number in point))
    if len(points) < least:
        raise ValueError(f"fewer than {least} points")
    return tuple(points)


def _ellipse(given: Given) -> Ellipse:
    x, y, radius_x, radius_y = (float(given[key]) for key in ("cx", "cy", "rx", "ry"))
    _finite(x, y, radius_x, radius_y)
    return Ellipse(x, y, abs(radius_x), abs(radius_y), _angle(given))


def _mask(given: Given) -> Mask:
    left, top, width, height = (int(given[key]) for key in ("left", "top", "width", "height"))
    if max(abs(left), abs(top)) > FARTHEST:
        raise ValueError("a coordinate is out of range")
    if not 0 < width * height <= LARGEST_IMAGE:
        raise ValueError(f"is empty, or larger than {LARGEST_IMAGE:,} pixels")
    runs = tuple(int(run) for run in given["rle"].split(","))
    # CVAT itself takes runs of any length, and shows another mask than was drawn.
    if sum(runs) != width * height or min(runs) < 0 or min(width, height) < 1:
        raise ValueError("the runs of the mask do not fill its rectangle")
    return Mask(left, top, width, height, runs)


def _cuboid(given: Given) -> Cuboid:
    corners = tuple((float(given[f"x{name}"]), float(given[f"y{name}"])) for name in CORNERS)
    _finite(*(number for corner in corners for number in corner))
    return Cuboid(corners)


PARTS: dict[str, Callable[[Given], Geometry]] = {
    "box": read_box,
    "polygon": lambda given: Polygon(_points(given, 3)),
    "polyline": lambda given: Polyline(_points(given, 2)),
    "points": lambda given: Points(_points(given, 1)),
    "ellipse": _ellipse,
    "mask": _mask,
    "cuboid": _cuboid,
}


def source_of(given: Given, ledger: Ledger) -> str:
    """Return who made a shape, manual or auto; the other two, semi-auto and file, are counted."""
    source = given.get("source", "manual")
    if source not in ("manual", "auto"):
        ledger.change("attribute", f"source {source[:20]!r}: as manual")
    return source


def whole(text: str | None) -> int | None:
    """Return a whole number from 0 on; None for anything else."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if 0 <= number < LARGEST_WHOLE else None


def skeleton_of(parts: Iterable[Region]) -> Skeleton:
    """Return the skeleton of these parts; `ValueError` where there are none."""
    made = Skeleton(tuple(parts))
    if not made.elements:
        raise ValueError("has no point inside the picture")
    return made


def frame_number(text: str | None) -> int:
    """Return the number of a frame; `ValueError` when it is none."""
    number = whole(text)
    if number is None:
        raise ValueError("its frame is no whole number from 0 on")
    return number


def reason(error: Exception) -> str:
    """Return what was wrong with an element, without its content."""
    text = str(error.args[0])[:80] if error.args else ""
    if isinstance(error, KeyError):
        return f"has no {text!r}"
    return (
        text
        if "convert" not in text and "unpack" not in text and "literal" not in text
        else "a number is wrong"
    )
