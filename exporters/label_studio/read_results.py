"""The result list of one annotation, read into regions and relations."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from exporters.label_studio.known_keys import note_unknown_of_results
from exporters.label_studio.read_shapes import (
    ANSWERS,
    PICTURES,
    ShapeReader,
    read_box,
    read_brush,
    read_ellipse,
    read_keypoint,
    read_polygon,
    read_series,
    read_sound,
    read_timeline,
    read_track,
)
from exporters.label_studio.read_texts import Dialogue, span_in
from exporters.options import Size
from exporters.records import Answer, Caption, Region, Relation, Shape, TextSpan, new
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
# What a result says beside its shape and its labels.
_BESIDE = frozenset(("score", "meta", "parentID"))
_SPANS = frozenset(("labels", "hypertextlabels", "paragraphlabels", "text", "hypertext"))


class ObjectReader:
    """Reads the results on one object."""

    def __init__(self, kind: str, text: str | None, dialogue: Dialogue | None, ledger: Ledger):
        self.kind, self.text, self.dialogue, self._ledger = kind, text, dialogue, ledger

    def __call__(self, results: list[Any], size: Size | None, place: str) -> Read:
        """Return the regions and relations; items that cannot be read are counted and left out."""
        regions: list[Region] = []
        relations: list[Relation] = []
        seen: dict[str, int] = {}
        links = joined = 0
        # Looked at once for all of them: what most results have nothing of costs the loop nothing.
        is_bare = note_unknown_of_results(results, place, self._ledger).isdisjoint(_BESIDE)
        find = PICTURES.get
        for item in results:
            try:
                kind = item["type"]
                if kind == "relation":
                    links += 1
                    relations.append(_relation(item))
                    continue
                key = item.get("id")
                # Label Studio writes an item for each control: a region's labels and answers share its id.
                if key in seen:
                    regions[seen[key]] = self._join(regions[seen[key]], item, kind, size)
                    joined += 1
                    continue
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
                    region = self._region(item, kind, key, size)
                if key is not None:
                    seen[key] = len(regions)
                regions.append(region)
            except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
                self._ledger.drop(_kind(item), _why(error), place)
        seen = self._ledger.seen
        seen["region"] += len(results) - links
        if links:
            seen["relation"] += links
        if joined:
            self._ledger.merged("region", joined)
        return tuple(regions), tuple(relations)

    def _region(self, item: Mapping[str, Any], kind: str, key: str | None, size: Size | None) -> Region:
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
            return Region(_answer(kind, value), (), key, number(item.get("score")), _name(item))
        else:
            shape = self._span(kind, value)
        labels = value.get(kind) or _other_labels(value)
        if len(labels) != 1 or type(labels[0]) is not str or type(labels) is not list:
            labels = _texts(labels)
        score = item.get("score")
        if score is not None:
            score = number(score)
        region = Region(shape, tuple(labels), key, score, _name(item))
        if "meta" in item or "parentID" in item:
            region = region._replace(captions=_notes(item), parent=_parent(item))
        return region

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

    def _join(self, region: Region, item: Mapping[str, Any], kind: str, size: Size | None) -> Region:
        """Return the region with a further item of the same id: more labels, or an answer about it."""
        value = item["value"]
        if kind in ANSWERS:
            answer = _answer(kind, value)
            caption = Caption(kind, _name(item) or kind, answer.values)
            return region._replace(captions=(*region.captions, caption))
        # An answer came before the region that it is about: the order of results is not fixed.
        if type(region.shape) is Answer:
            caption = Caption(region.shape.kind, region.control or region.shape.kind, region.shape.values)
            whole = self._region(item, kind, region.id, size)
            return whole._replace(captions=(caption, *whole.captions))
        labels = value.get(kind) or _other_labels(value)
        return region._replace(labels=tuple(dict.fromkeys((*region.labels, *_texts(labels)))))


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


def number(value: Any) -> float | None:
    """Return a score as a finite number; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return found if isfinite(found) else None


def _other_labels(value: Mapping[str, Any]) -> list[str]:
    for key, entry in value.items():
        if key.endswith("labels") and isinstance(entry, list):
            return entry
    return []


def _notes(item: Mapping[str, Any]) -> tuple[Caption, ...]:
    meta = item.get("meta")
    texts = meta.get("text") if isinstance(meta, Mapping) else None
    if not texts:
        return ()
    return (Caption("textarea", "note", tuple(texts) if isinstance(texts, list) else (texts,)),)


def _parent(item: Mapping[str, Any]) -> str | None:
    parent = item.get("parentID")
    return parent if isinstance(parent, str) and parent else None


def _answer(kind: str, value: Mapping[str, Any]) -> Answer:
    given = value.get("text" if kind == "textarea" else "selected" if kind == "pairwise" else kind)
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


def _relation(item: Mapping[str, Any]) -> Relation:
    ends = item["from_id"], item["to_id"]
    if not all(isinstance(end, str | int) for end in ends):
        raise ValueError("the ends of a relation are no ids")
    direction = item.get("direction")
    known = direction if direction in ("left", "bi") else "right"
    return Relation(*ends, tuple(_texts(item.get("labels") or [])), known)


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
