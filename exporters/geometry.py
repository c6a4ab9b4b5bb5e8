"""Plane geometry in pixels: turned boxes, outlines of ellipses and masks."""

from __future__ import annotations

import math
from collections.abc import Iterable

from exporters.records import Box, Cuboid, Ellipse, Geometry, Mask, Point, Polygon, Skeleton

# The inscribed polygon of 32 corners covers 99.4 % of the ellipse.
OUTLINE_POINTS = 32


def box_from_corner(x: float, y: float, width: float, height: float, angle: float) -> Box:
    """Return the box that starts at (x, y), turned clockwise by `angle` degrees about that corner.

    A negative width or height means that it was drawn the other way: the same rectangle, seen from another
    corner.
    """
    if width < 0 or height < 0:
        x, y = _turn(min(width, 0.0), min(height, 0.0), angle, x, y)
        width, height = abs(width), abs(height)
    if not angle:
        return Box(x, y, width, height)
    center_x, center_y = _turn(width / 2, height / 2, angle, x, y)
    return Box(center_x - width / 2, center_y - height / 2, width, height, full_turn(angle))


def corner_of(box: Box) -> Point:
    """Return where the box's own top left corner is after the turn: the inverse of `box_from_corner`."""
    if not box.rotation:
        return box.left, box.top
    center = (box.left + box.width / 2, box.top + box.height / 2)
    return _turn(-box.width / 2, -box.height / 2, box.rotation, *center)


def corners(box: Box) -> tuple[Point, ...]:
    """Return the corners after the turn: top left, bottom left, bottom right, top right."""
    x, y = box.width / 2, box.height / 2
    center = (box.left + x, box.top + y)
    return tuple(_turn(dx, dy, box.rotation, *center) for dx, dy in ((-x, -y), (-x, y), (x, y), (x, -y)))


def _turn(dx: float, dy: float, angle: float, x: float, y: float) -> Point:
    """Return (x, y) plus (dx, dy) turned clockwise, as the eye sees it with y downwards."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    return x + dx * cosine - dy * sine, y + dx * sine + dy * cosine


def full_turn(angle: float) -> float:
    """Return the angle in [0, 360)."""
    turned = angle % 360.0
    # -1e-20 % 360.0 is 360.0 in floats: no longer below a full turn.
    return 0.0 if turned >= 360.0 else turned


def ellipse_outline(ellipse: Ellipse, count: int = OUTLINE_POINTS) -> Polygon:
    """Return the polygon inscribed in the ellipse."""
    steps = (2 * math.pi * i / count for i in range(count))
    local = ((ellipse.radius_x * math.cos(t), ellipse.radius_y * math.sin(t)) for t in steps)
    return Polygon(tuple(_turn(dx, dy, ellipse.rotation, ellipse.x, ellipse.y) for dx, dy in local))


def scaled(points: Iterable[Iterable[float]], scale_x: float, scale_y: float) -> tuple[Point, ...]:
    """Return the points with each axis multiplied."""
    return tuple((x * scale_x, y * scale_y) for x, y in points)


def convex_hull(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the corners of the smallest convex outline, by Andrew's monotone chain (1979)."""
    ordered = sorted(set(points))
    halves: list[list[Point]] = []
    for run in (ordered, ordered[::-1]):
        half: list[Point] = []
        for point in run:
            while len(half) > 1 and _cross(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        # The last corner of one half is the first of the other.
        halves.append(half[:-1])
    return tuple(halves[0] + halves[1])


def _cross(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def bounding_box(shape: Geometry | Skeleton) -> Box:
    """Return the smallest upright box around the shape."""
    if isinstance(shape, Skeleton):
        parts = [bounding_box(part.shape) for part in shape.elements]  # type: ignore[arg-type]
        return bounding_box(Polygon(tuple(corner for part in parts for corner in corners(part))))
    if isinstance(shape, Mask):
        return Box(float(shape.left), float(shape.top), float(shape.width), float(shape.height))
    if isinstance(shape, Box):
        points = corners(shape)
    elif isinstance(shape, Ellipse):
        points = ellipse_outline(shape).points
    else:
        points = shape.corners if isinstance(shape, Cuboid) else shape.points
    left, top = min(x for x, _ in points), min(y for _, y in points)
    return Box(left, top, max(x for x, _ in points) - left, max(y for _, y in points) - top)
