"""Regions as Prodigy's spans: on text with tokens, on images in pixels, on sound in seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporters.geometry import corners, ellipse_outline
from exporters.records import AudioSpan, Box, Caption, Ellipse, Mask, Point, Polygon, Region

Span = dict[str, Any]
FURTHER = ("group_id", "z_order", "occluded", "parent_id")
Drawn = tuple[list[Span], str]


def rectangle(box: Box) -> Drawn:
    """Return a rect span; Prodigy has no turned ones."""
    if box.rotation:
        return [_outline(corners(box))], "turned box: as a polygon"
    return [upright(box)], ""


def upright(box: Box) -> Span:
    """Return the rect span of a box that is not turned."""
    left, top, width, height, _ = box
    right, bottom = left + width, top + height
    return {
        "x": left,
        "y": top,
        "width": width,
        "height": height,
        "center": [left + width / 2, top + height / 2],
        "type": "rect",
        # Prodigy's interface draws from the points, its recipes read the sides: both have to be there.
        "points": [[left, top], [left, bottom], [right, bottom], [right, top]],
    }


def _outline(points: tuple[Point, ...]) -> Span:
    return {"type": "polygon", "points": [[x, y] for x, y in points]}


def _polygon(polygon: Polygon) -> Drawn:
    return [_outline(polygon.points)], ""


def _ellipse(ellipse: Ellipse) -> Drawn:
    return [_outline(ellipse_outline(ellipse).points)], "ellipse: as a polygon of 32 corners"


def _mask(mask: Mask) -> Drawn:
    from exporters.outlines import mask_outlines  # numpy, where there are masks

    outlines, holes = mask_outlines(mask)
    how = "mask: as polygons around its pixels" + (", holes filled" if holes else "")
    return [_outline(outline) for outline in outlines], how


def _sound(span: AudioSpan) -> Drawn:
    """Return an audio span; Prodigy knows no channels."""
    how = "" if span.channel is None else "audio channel left out"
    return [{"start": span.start, "end": span.end}], how


DRAW: dict[type, Callable[[Any], Drawn]] = {
    Box: rectangle,
    Polygon: _polygon,
    Ellipse: _ellipse,
    Mask: _mask,
    AudioSpan: _sound,
}


def dressed(span: Span, region: Region, label: str) -> Span:
    """Return the span with its label and what else the region said."""
    span["label"] = label
    if region.id is not None:
        span["id"] = region.id
    if region.score is not None:
        span["score"] = region.score
    if region.attributes or region.captions:
        # Turned around, since a dict keeps the last of one name: here, as in CVAT, the first stands.
        said = [(caption.name, _answer(caption)) for caption in reversed(region.captions)]
        said += reversed(region.attributes)
        span["attributes"] = dict(reversed(dict(said).items()))
    # Prodigy has none of these: keys of our own, which its interface passes over and our reader takes back.
    further = zip(FURTHER, (region.group, region.z_order, region.occluded, region.parent), strict=True)
    span.update((key, value) for key, value in further if value)
    return span


def _answer(caption: Caption) -> Any:
    """Return an answer about a region: a text as its lines, any other with its type."""
    values = list(caption.values)
    return values if caption.kind == "textarea" else {"type": caption.kind, "values": values}


def of_one_name(region: Region) -> str:
    """Return how a region differs of which two attributes or answers have one name."""
    names = [name for name, _ in region.attributes] + [caption.name for caption in region.captions]
    return "of two attributes of one name the first stands" if len(set(names)) < len(names) else ""
