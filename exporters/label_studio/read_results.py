"""The result list of one annotation, read into regions and relations."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from exporters.label_studio.join_results import (
    about,
    apart,
    lies_elsewhere,
    note_misplaced_answers,
    ranges_apart,
    with_answer,
)
from exporters.label_studio.known_keys import note_unknown_of_results
from exporters.label_studio.read_beside import KEYS, with_beside
from exporters.label_studio.read_plain import plain_boxes
from exporters.label_studio.read_shapes import (
    ANSWERS,
    PICTURES,
    ShapeReader,
    note_remarks,
    read_box,
    read_brush,
    read_ellipse,
    read_keypoint,
    read_polygon,
    read_series,
    read_sound,
    read_timeline,
    read_track,
    read_vector,
)
from exporters.label_studio.read_texts import Dialogue, span_in
from exporters.options import Size
from exporters.records import Answer, Region, Relation, Shape, TextSpan, Track, new
from exporters.report import REMARKS, Ledger

Read = tuple[tuple[Region, ...], tuple[Relation, ...]]
# A lone `labels` item repeats the geometry of the region; its keys tell which it is.
_BY_KEY: tuple[tuple[str, ShapeReader], ...] = (
    ("sequence", read_track),
    ("rle", read_brush),
    ("points", read_polygon),
    ("radiusX", read_ellipse),
    ("height", read_box),
    ("x", read_keypoint),
)
# By these an answer tells where the region lies that it is about.
_PLACES = frozenset(("x", "points", "rle", "sequence", "start", "startOffset"))
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
# What has nothing to be counted beside its shape, as the points of a curve have.
_PLAIN = {kind: reader for kind, reader in PICTURES.items() if reader not in (read_track, read_vector)}
_DIRECTIONS = ("left", "right", "bi")
_SPANS = frozenset(("labels", "hypertextlabels", "paragraphlabels", "text", "hypertext", "paragraphs"))


class ObjectReader:
    """Reads the results on one object."""

    def __init__(self, kind: str, text: str | None, dialogue: Dialogue | None, ledger: Ledger):
        self.kind, self.text, self.dialogue, self._ledger = kind, text, dialogue, ledger

    def __call__(self, results: list[Any], size: Size | None, place: str) -> Read:
        """Return the regions and relations; items that cannot be read are counted and left out."""
        # Looked at once for all of them: what most results have nothing of costs the loop nothing.
        is_bare = note_unknown_of_results(results, place, self._ledger).isdisjoint(KEYS)
        boxes = plain_boxes(results) if is_bare else None
        if boxes is not None:
            self._ledger.seen["region"] += len(boxes)
            return tuple(boxes), ()
        results, more = ranges_apart(results)
        if more:
            self._ledger.merged("region", -more)
            self._ledger.seen["region"] -= more
        return self._each(results, size, place, is_bare)

    def _each(self, results: list[Any], size: Size | None, place: str, is_bare: bool) -> Read:
        regions: list[Region] = []
        relations: list[Relation] = []
        seen: dict[str, int] = {}
        links = joined = 0
        find = _PLAIN.get
        # The item that each region was read from.
        read: list[Mapping[str, Any]] = []
        for item in results:
            try:
                kind = item["type"]
                if kind == "relation":
                    links += 1
                    relations.append(self._relation(item, place))
                    continue
                key = item.get("id")
                # Label Studio writes an item for each control: a region's labels and answers share its id.
                if key in seen:
                    at = seen[key]
                    if not lies_elsewhere(item, read[at]):
                        regions[at] = self._join(regions[at], item, kind, size, place)
                        if kind not in ANSWERS:
                            read[at] = item
                        joined += 1
                        continue
                    # The first keeps the id, and what is said under it.
                    key = None
                value = item["value"]
                reader = find(kind) if is_bare else None
                labels: Any = value.get(kind) if reader is not None else None
                if type(labels) is list and len(labels) == 1 and type(labels[0]) is str:
                    # Most regions, by the shortest way.
                    width, height = item.get("original_width"), item.get("original_height")
                    if not (width and height and width > 0 < height):
                        width, height = _known(size)
                    name = item.get("from_name", "")
                    if type(name) is not str:
                        name = str(name)
                    shape = reader(value, width, height)  # type: ignore[misc]
                    region = new(Region, (shape, tuple(labels), key, None, name, (), (), 0, 0, False, None))
                else:
                    region = self._region(item, kind, key, size, place)
                if key is not None:
                    seen[key] = len(regions)
                regions.append(region)
                read.append(item)
            except _UNREADABLE as error:
                self._ledger.drop(_kind(item), _why(error), place)
        seen = self._ledger.seen
        seen["region"] += len(results) - links
        if links:
            seen["relation"] += links
        if joined:
            regions, more = apart(regions)
            self._ledger.merged("region", joined - more)
        return tuple(regions), tuple(relations)

    def _region(
        self, item: Mapping[str, Any], kind: str, key: str | None, size: Size | None, place: str
    ) -> Region:
        value = item["value"]
        reader = PICTURES.get(kind)
        if reader is None and kind in _SPANS and "start" not in value:
            reader = next((read for name, read in _BY_KEY if name in value), None)
        if reader is not None:
            width, height = item.get("original_width"), item.get("original_height")
            if not (width and height and width > 0 and height > 0):
                width, height = _known(size)
            shape = reader(value, width, height)
        elif kind in ANSWERS:
            region = self._answered(_answer(kind, value), item, key, size, place)
            return with_beside(region, item, place, self._ledger)
        else:
            shape = self._span(kind, value)
        labels = value.get(kind) or _other_labels(value)
        if len(labels) != 1 or type(labels[0]) is not str or type(labels) is not list:
            labels = _texts(labels)
        if type(shape) is Track or "vertices" in value:
            note_remarks(value, place, self._ledger)
        region = Region(shape, tuple(labels), key, None, _name(item))
        return region if KEYS.isdisjoint(item) else with_beside(region, item, place, self._ledger)

    def _answered(
        self, answer: Answer, item: Mapping[str, Any], key: str | None, size: Size | None, place: str
    ) -> Region:
        """Return an answer; where it says where it lies, a region without a label that it is about."""
        value = item["value"]
        note_misplaced_answers(value, _own_key(answer.kind), place, self._ledger)
        if _PLACES.isdisjoint(value):
            return Region(answer, (), key, None, _name(item))
        try:
            reader = next((read for name, read in _BY_KEY if name in value), None)
            if reader is None:
                shape = self._span("labels", value)
            else:
                width, height = item.get("original_width"), item.get("original_height")
                shape = reader(value, *((width, height) if width and height else _known(size)))
        except _UNREADABLE as error:
            self._ledger.change("answer", f"where it lies left out: {_why(error)}", place)
            return Region(answer, (), key, None, _name(item))
        return with_answer(Region(shape, (), key), answer.kind, _name(item) or answer.kind, answer.values)

    def _span(self, kind: str, value: Mapping[str, Any]) -> Shape:
        if kind == "timelinelabels":
            return read_timeline(value, 0, 0)
        if kind == "timeserieslabels":
            return read_series(value, 0, 0)
        if self.kind == "audio" or (kind == "labels" and self.kind in ("video", "other")):
            return read_sound(value, 0, 0)
        if kind not in _SPANS:
            raise ValueError("unknown type of region")
        return self._text_span(value)

    def _text_span(self, value: Mapping[str, Any]) -> TextSpan:
        if self.dialogue is not None:
            return self.dialogue.span(value)
        if self.text is None:
            raise ValueError("the text itself is not in the task")
        around = value.get("globalOffsets")
        if isinstance(around, Mapping):
            return span_in(self.text, around.get("start"), around.get("end"), value.get("text"))
        # start and end are then XPaths into the page, which only a browser can follow.
        if "startOffset" in value and not isinstance(value["start"], int):
            raise ValueError("rich text region without globalOffsets")
        return span_in(self.text, value["start"], value["end"], value.get("text"))

    def _join(
        self, region: Region, item: Mapping[str, Any], kind: str, size: Size | None, place: str
    ) -> Region:
        """Return the region with a further item of the same id: more labels, or an answer about it."""
        value = item["value"]
        if kind in ANSWERS:
            note_misplaced_answers(value, _own_key(kind), place, self._ledger)
            region = with_answer(region, kind, _name(item) or kind, _answer(kind, value).values)
        elif type(region.shape) is Answer:
            return about(self._region(item, kind, region.id, size, place), region)
        else:
            labels = value.get(kind) or _other_labels(value)
            region = region._replace(labels=tuple(dict.fromkeys((*region.labels, *_texts(labels)))))
        return region if KEYS.isdisjoint(item) else with_beside(region, item, place, self._ledger)

    def _relation(self, item: Mapping[str, Any], place: str) -> Relation:
        ends = item["from_id"], item["to_id"]
        if not all(isinstance(end, str | int) for end in ends):
            raise ValueError("the ends of a relation are no ids")
        labels, direction = tuple(_texts(item.get("labels") or [])), item.get("direction")
        if direction is not None and direction not in _DIRECTIONS:
            self._ledger.drop("key", "'direction' of a relation is not left, right or bi", place)
        return Relation(*ends, labels, direction if direction in _DIRECTIONS else "right")


def _known(size: Size | None) -> Size:
    if size is None:
        raise ValueError("the size of the picture is not known: give sizes or image_root")
    return size


def _texts(labels: Any) -> list[str]:
    if not isinstance(labels, list):
        raise ValueError("labels are not a list")
    return [label if isinstance(label, str) else str(label) for label in labels]


def _name(item: Mapping[str, Any]) -> str:
    name = item.get("from_name", "")
    return name if type(name) is str else str(name)


def _other_labels(value: Mapping[str, Any]) -> list[str]:
    for key, entry in value.items():
        if key.endswith("labels") and isinstance(entry, list):
            return entry
    return []


def _own_key(kind: str) -> str:
    """Return the key of an answer's value that holds the answer."""
    return {"textarea": "text", "pairwise": "selected"}.get(kind, kind)


def _answer(kind: str, value: Mapping[str, Any]) -> Answer:
    given = value.get(_own_key(kind))
    if given is None:
        raise ValueError("has no value")
    parts = given if isinstance(given, list) else [given]
    if kind != "ranker" and not all(map(_is_said, parts)):
        raise ValueError("an answer that is neither a text, a finite number nor a path of them")
    # A choice below another one is told by its path, as all of a taxonomy are.
    paths = (tuple(part) if isinstance(part, list) else part for part in parts)
    if kind == "taxonomy":
        return Answer(kind, tuple(path if isinstance(path, tuple) else (path,) for path in paths))
    return Answer(kind, tuple(paths))


def _is_said(part: Any) -> bool:
    steps = part if isinstance(part, list) else [part]
    return all(isinstance(step, str | int) or (isinstance(step, float) and isfinite(step)) for step in steps)


def _kind(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else None
    is_plain = isinstance(kind, str) and len(kind) < 40 and kind not in REMARKS | {"annotation", "prediction"}
    return kind if is_plain and isinstance(kind, str) else "region"


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"has no {str(error.args[0])[:40]!r}"
    if isinstance(error, ValueError) and error.args:
        return str(error.args[0])[:120]
    return "a part of it is of the wrong type"
