"""Shapes cut to the picture."""

from __future__ import annotations

from exporters.records import Box, Mask, Point, Points, Polygon, Polyline, Shape


def clamped(shape: Shape, width: int, height: int) -> Shape | None:
    """Return the part of the shape in a picture of this size; None when there is none.

    Turned boxes, ellipses and cuboids stay as they are: what is left of them is no longer one.
    """
    if isinstance(shape, Box):
        return shape if shape.rotation else _box(shape, width, height)
    if isinstance(shape, Polygon | Polyline | Points):
        points = tuple(_point(point, width, height) for point in shape.points)
        # Drawn outside, all of it lies on an edge now, where nothing of it was.
        is_gone = points != shape.points and any(len(set(axis)) == 1 for axis in zip(*points, strict=True))
        return None if is_gone else shape._replace(points=points)
    if isinstance(shape, Mask):
        is_inside = shape.left >= 0 and shape.top >= 0
        if is_inside and shape.left + shape.width <= width and shape.top + shape.height <= height:
            return shape
        from exporters.masks import clipped  # numpy, where there are masks

        return clipped(shape, width, height)
    return shape


def _box(box: Box, width: int, height: int) -> Box | None:
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right, bottom = min(box.left + box.width, float(width)), min(box.top + box.height, float(height))
    if (left, top) == box[:2] and right == box.left + box.width and bottom == box.top + box.height:
        return box
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def _point(point: Point, width: int, height: int) -> Point:
    return min(max(point[0], 0.0), float(width)), min(max(point[1], 0.0), float(height))
