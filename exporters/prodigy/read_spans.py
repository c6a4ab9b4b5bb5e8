"""Prodigy's spans: on a text, on a picture in pixels, on sound in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from exporters.label_studio.read_beside import number_in
from exporters.label_studio.read_shapes import ANSWERS
from exporters.label_studio.read_texts import span_in
from exporters.prodigy.read_choices import ERRORS, answer_values, why
from exporters.prodigy.write_spans import FURTHER
from exporters.records import FARTHEST, AudioSpan, Box, Caption, Geometry, Polygon, Region, TextSpan
from exporters.report import Ledger

Task = Mapping[str, Any]
Points = tuple[tuple[float, float], ...]
_NAMES = {("spans", True): "text span", ("spans", False): "image span"}
_NAMES |= {("audio_spans", True): "audio region", ("audio_spans", False): "audio region"}
_SIDES = ("x", "y", "width", "height")


class SpanReader:
    """Reads the spans of a task; those that are none are counted."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def read(self, task: Task, kind: str, place: str) -> list[Region]:
        """Return the spans of a task of this kind as regions."""
        regions: list[Region] = []
        drawn = self._on_text if kind == "text" else self._on_picture
        for key, shape_of in (("spans", drawn), ("audio_spans", self._on_sound)):
            spans = task.get(key)
            for index, span in enumerate(spans if isinstance(spans, list) else ()):
                try:
                    # A span of its own answer, as older releases wrote: what was refused is no annotation.
                    if span.get("answer") in ("reject", "ignore"):
                        raise ValueError(f"was answered with {span['answer']}")
                    shape = shape_of(span, task, place)
                    regions.append(self._region(span, shape, f"{key}-{index}", place))
                except ERRORS as error:
                    self._ledger.drop(_NAMES[key, kind == "text"], why(error), place)
        return regions

    def _region(self, span: Task, shape: Any, key: str, place: str) -> Region:
        label, own, attributes = span.get("label"), span.get("id"), span.get("attributes")
        captions: tuple[Caption, ...] = ()
        pairs: tuple[tuple[str, str], ...] = ()
        if isinstance(attributes, dict):
            found = {name: _caption(name, value) for name, value in attributes.items()}
            captions = tuple(caption for caption in found.values() if caption is not None)
            pairs = tuple((name, str(value)) for name, value in attributes.items() if found[name] is None)
        return Region(
            shape,
            () if label is None else (str(label),),
            str(own) if own is not None else key,
            number_in(span, "score", place, self._ledger),
            "",
            pairs,
            captions,
            **_further_of(span),
        )

    def _on_text(self, span: Task, task: Task, place: str) -> TextSpan:
        start, end = map(_counted, _offsets(span, task.get("tokens")))
        if not isinstance(start, int) or not isinstance(end, int):
            raise ValueError("offsets are not whole numbers")
        quoted = span.get("text")
        if quoted:
            # Tools in JavaScript count UTF-16 units: the quoted text tells.
            with suppress(ValueError):
                return span_in(task["text"], start, end, quoted)
        if end > len(task["text"]):
            raise ValueError("offsets past the text")
        if not 0 <= start < end:
            raise ValueError("the span is empty, or before the text")
        if quoted:
            self._ledger.change("attribute", "a span quotes another text: its offsets stand", place)
        return TextSpan(start, end)

    def _on_picture(self, span: Task, task: Task, place: str) -> Geometry:
        kind = span.get("type", "rect" if "width" in span else "polygon")
        points = tuple((float(x), float(y)) for x, y in span.get("points") or ())
        if not all(abs(x) <= FARTHEST and abs(y) <= FARTHEST for x, y in points):
            raise ValueError("a coordinate is not finite, or out of range")
        if kind == "rect":
            return self._rectangle(span, points, place)
        if kind not in ("polygon", "freehand"):
            raise ValueError("unknown type of span")
        return _polygon(points)

    def _rectangle(self, span: Task, points: Points, place: str) -> Box | Polygon:
        around = _around(points) if points else None
        if not ("x" in span and "width" in span):
            if around is None:
                raise ValueError("has neither sides nor points")
            # Turned, or no rectangle at all.
            return around if _are_corners(points, around) else _polygon(points)
        left, top, width, height = (float(span[key]) for key in _SIDES)
        if not abs(left) + abs(top) + abs(width) + abs(height) <= FARTHEST or width < 0 or height < 0:
            raise ValueError("a coordinate is not finite or out of range, or a side negative")
        box = Box(left, top, width, height)
        if around is not None and not _is_near(box, around):
            self._ledger.change("attribute", "points and sides of a rect differ: its sides stand", place)
        return box

    def _on_sound(self, span: Task, task: Task, place: str) -> AudioSpan:
        start, end, channel = float(span["start"]), float(span["end"]), span.get("channel")
        if not -FARTHEST <= start <= end <= FARTHEST:
            raise ValueError("ends before it starts, or is not finite")
        is_channel = isinstance(channel, int) and not isinstance(channel, bool)
        return AudioSpan(start, end, channel if is_channel else None)


def _counted(offset: Any) -> Any:
    # A whole number that went through a table of numbers comes back as 3.0.
    return int(offset) if isinstance(offset, float) and offset.is_integer() else offset


def _offsets(span: Task, tokens: Any) -> tuple[Any, Any]:
    """Return where a span starts and ends; by its tokens where it says no more."""
    if span.get("start") is not None or "token_start" not in span or not isinstance(tokens, list):
        return span["start"], span["end"]
    first, last = _counted(span["token_start"]), _counted(span["token_end"])
    if not (isinstance(first, int) and isinstance(last, int) and 0 <= first <= last):
        raise ValueError("its tokens are no whole numbers")
    return tokens[first]["start"], tokens[last]["end"]


def _polygon(points: Points) -> Polygon:
    if len(points) < 3:
        raise ValueError("fewer than 3 points")
    return Polygon(points)


def _around(points: Points) -> Box:
    left, top = min(x for x, _ in points), min(y for _, y in points)
    return Box(left, top, max(x for x, _ in points) - left, max(y for _, y in points) - top)


def _are_corners(points: Points, box: Box) -> bool:
    lefts, tops = (box.left, box.left + box.width), (box.top, box.top + box.height)
    return all(_is_one_of(x, lefts) and _is_one_of(y, tops) for x, y in points)


def _is_one_of(number: float, known: tuple[float, float]) -> bool:
    return min(abs(number - each) for each in known) <= 0.01


def _is_near(one: Box, other: Box) -> bool:
    # Interfaces round what they draw: a pixel is no other rectangle.
    return all(abs(a - b) <= 1.0 for a, b in zip(one[:4], other[:4], strict=True))


def _caption(name: str, said: Any) -> Caption | None:
    """Return an answer about a region as our writer keeps it; None for an attribute."""
    if isinstance(said, list):
        return Caption("textarea", name, tuple(said))
    if isinstance(said, dict) and said.get("type") in ANSWERS and isinstance(said.get("values"), list):
        return Caption(said["type"], name, answer_values(said["values"]))
    return None


def _further_of(span: Task) -> dict[str, Any]:
    """Return what our writer keeps beside what Prodigy knows of a span; other types are counted."""
    group, z_order, occluded, parent = map(span.get, FURTHER)
    found: dict[str, Any] = {"group": group, "z_order": z_order, "parent": parent, "occluded": occluded}
    return {
        key: _FURTHER[key](value)
        for key, value in found.items()
        if value and isinstance(value, _FURTHER[key])
    }


_FURTHER: dict[str, type] = {"group": int, "z_order": int, "occluded": bool, "parent": str}
