"""Each shape as the CVAT element that holds it.

A writer takes a region's shape and returns (element name, geometry as attributes).
Texts are filled into templates: that is two to three times as fast as an XML writer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporters.records import Box, Cuboid, Ellipse, Mask, Point, Points, Polygon, Polyline

Drawn = tuple[str, str]
_BOX = ' xtl="%.2f" ytl="%.2f" xbr="%.2f" ybr="%.2f"'


def draw_box(box: Box) -> Drawn:
    left, top, width, height, rotation = box
    text = _BOX % (left, top, left + width, top + height)
    return "box", (text + _turned(rotation)) if rotation else text


def _turned(rotation: float) -> str:
    # 359.999 is rounded to 360.00, and a full turn is none.
    angle = f"{rotation % 360.0:.2f}"
    return f' rotation="{"0.00" if angle == "360.00" else angle}"'


def _joined(points: tuple[Point, ...]) -> str:
    return ";".join([f"{x:.2f},{y:.2f}" for x, y in points])


def draw_polygon(polygon: Polygon) -> Drawn:
    return "polygon", f' points="{_joined(polygon.points)}"'


def draw_polyline(line: Polyline) -> Drawn:
    return "polyline", f' points="{_joined(line.points)}"'


def draw_points(points: Points) -> Drawn:
    return "points", f' points="{_joined(points.points)}"'


def draw_ellipse(ellipse: Ellipse) -> Drawn:
    x, y, radius_x, radius_y, rotation = ellipse
    text = f' cx="{x:.2f}" cy="{y:.2f}" rx="{radius_x:.2f}" ry="{radius_y:.2f}"'
    return "ellipse", (text + _turned(rotation)) if rotation else text


def draw_mask(mask: Mask) -> Drawn:
    runs = ", ".join(map(str, mask.runs))
    text = f' rle="{runs}" left="{mask.left}" top="{mask.top}" width="{mask.width}" height="{mask.height}"'
    return "mask", text


# CVAT's names, in the order in which it stores them: of the front face, then of the back, left edges first.
CORNERS = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")


def draw_cuboid(cuboid: Cuboid) -> Drawn:
    parts = (
        f' x{name}="{x:.2f}" y{name}="{y:.2f}"' for name, (x, y) in zip(CORNERS, cuboid.corners, strict=True)
    )
    return "cuboid", "".join(parts)


DRAW: dict[type, Callable[[Any], Drawn]] = {
    Box: draw_box,
    Polygon: draw_polygon,
    Polyline: draw_polyline,
    Points: draw_points,
    Ellipse: draw_ellipse,
    Mask: draw_mask,
    Cuboid: draw_cuboid,
}
