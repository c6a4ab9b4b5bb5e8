"""Prodigy's JSON Lines read into records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from exporters.declared import Declared
from exporters.label_studio.read_results import number
from exporters.label_studio.read_shapes import ANSWERS
from exporters.label_studio.read_texts import rendered
from exporters.prodigy.known_keys import note_unknown
from exporters.prodigy.read_links import LinkReader
from exporters.prodigy.read_sessions import by_input
from exporters.prodigy.write_spans import FURTHER
from exporters.records import (
    FARTHEST,
    Annotation,
    Answer,
    AudioSpan,
    Box,
    Caption,
    Geometry,
    Item,
    Polygon,
    Region,
    TextSpan,
)
from exporters.report import Ledger

Task = Mapping[str, Any]
KINDS = ("image", "audio", "video", "text")
_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


class ProdigyReader:
    """Turns lines into items: all lines about one input become one item with several annotations."""

    def __init__(self, ledger: Ledger, declared: Declared | None = None):
        self._ledger, self._declared = ledger, declared or Declared()

    def read(self, tasks: Iterable[tuple[Task, str]]) -> Iterator[Item]:
        """Yield the items of (task, place) pairs, in order."""
        last: Item | None = None
        joined: list[Annotation] = []
        for item in (item for group in by_input(tasks) for item in self._of_input(group)):
            if last is not None and _is_same(last, item):
                joined.extend(item.annotations)
                continue
            if last is not None:
                yield last._replace(annotations=tuple(joined))
            last, joined = item, list(item.annotations)
        if last is not None:
            yield last._replace(annotations=tuple(joined))

    def _of_input(self, lines: list[tuple[Task, str]]) -> list[Item]:
        """Return the items of the lines with one `_input_hash`: one, and one for each bare line beside."""
        items = [item for task, place in lines if (item := self._item(task, place)) is not None]
        if len(items) < 2:
            return items
        homes: dict[tuple[str, str], int] = {}
        annotations: dict[int, list[Annotation]] = {}
        done: list[Item] = []
        for item in items:
            at = homes.setdefault((item.kind, item.media), len(done)) if item.annotations else len(done)
            if at == len(done):
                annotations[at] = []
                done.append(item)
            elif item.data != done[at].data:
                done[at] = done[at]._replace(data={**item.data, **done[at].data})
                if any(done[at].data[key] != value for key, value in item.data.items()):
                    how = "differs between lines about one input: the first is kept"
                    self._ledger.change("task data", how, item.place)
            annotations[at].extend(item.annotations)
        return [item._replace(annotations=tuple(annotations[at])) for at, item in enumerate(done)]

    def _item(self, task: Task, place: str) -> Item | None:
        kind = next((key for key in KINDS if isinstance(task.get(key), str)), None)
        if kind is None and isinstance(task.get("html"), str):
            task, kind = {**task, "text": rendered(task["html"])}, "text"
        if kind is None:
            self._ledger.drop("item", "has no text, image, audio or video", place)
            return None
        meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
        assert isinstance(meta, dict)
        annotation = self._annotation(task, meta, kind, place)
        return Item(
            kind=kind,
            media=task[kind],
            id=meta.get("task_id") if isinstance(meta.get("task_id"), int | str) else None,
            width=_size(task.get("width")),
            height=_size(task.get("height")),
            data=_further(task, meta, place, self._ledger),
            annotations=() if annotation is None else (annotation,),
            priority=number(meta.get("priority", task.get("priority"))),
            place=place,
        )

    def _annotation(self, task: Task, meta: Task, kind: str, place: str) -> Annotation | None:
        regions = self._spans(task, kind, place)
        relations = LinkReader(task, regions).read(task.get("relations"), self._ledger, place)
        regions += self._answers(task, place)
        answer = task.get("answer")
        if answer is None and not regions and not relations:
            return None
        annotator = task.get("_annotator_id") or task.get("_session_id") or meta.get("annotator")
        return Annotation(
            tuple(regions),
            tuple(relations),
            # Prodigy writes an answer with whatever somebody decided; a suggestion has none yet.
            is_prediction=answer is None,
            annotator=annotator if isinstance(annotator, str) else None,
            model_version=str(meta["model_version"]) if "model_version" in meta else None,
            score=number(meta.get("score")),
            cancelled=answer == "ignore",
            ground_truth=bool(meta.get("ground_truth")),
            rejected=answer == "reject",
        )

    def _spans(self, task: Task, kind: str, place: str) -> list[Region]:
        regions: list[Region] = []
        read: Callable[[Task, Task], Any] = _text_span if kind == "text" else _picture_span
        readers = (("spans", read), ("audio_spans", _sound_span))
        for key, reader in readers:
            spans = task.get(key)
            for index, span in enumerate(spans if isinstance(spans, list) else ()):
                try:
                    region = _region(span, reader(span, task), f"{key}-{index}")
                except _ERRORS as error:
                    self._ledger.drop(_NAMES[key, kind == "text"], _why(error), place)
                    continue
                regions.append(region)
        return regions

    def _answers(self, task: Task, place: str) -> list[Region]:
        found: list[Region] = []
        texts = self._options(task)
        for read in (_chosen, _said, _transcribed):
            try:
                found += read(task, texts)
            except _ERRORS as error:
                self._ledger.drop("answer", _why(error), place)
        return found

    def _options(self, task: Task) -> dict[str, str]:
        """Return what each option is called, by its id; the choice is declared to offer them."""
        options = task.get("options")
        found: dict[str, str] = {}
        for option in options if isinstance(options, list) else ():
            if isinstance(option, dict) and _is_name(option.get("id")):
                found[str(option["id"])] = _called(option)
        counts = Counter(found.values())
        # Two options of one text would become one choice: their ids keep them apart.
        texts = {key: text if counts[text] == 1 else f"{text} ({key})" for key, text in found.items()}
        self._declared.choices.update(dict.fromkeys(texts.values()))
        config = task.get("config")
        if texts and isinstance(config, dict) and config.get("choice_style") == "multiple":
            self._declared.is_multiple = True
        return texts


def _is_name(value: Any) -> bool:
    """Return whether a value can be the id of an option."""
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def _called(option: Task) -> str:
    """Return what an option is called: its text, or what its page says, or its id."""
    text, page = option.get("text"), option.get("html")
    if not (isinstance(text, str) and text) and isinstance(page, str):
        text = rendered(page).strip()
    return text if isinstance(text, str) and text else str(option["id"])


def _chosen(task: Task, texts: Mapping[str, str]) -> list[Region]:
    """Return the choice: what was accepted, by what it is called; else a label, or categories."""
    accepted, cats = task.get("accept"), task.get("cats")
    if isinstance(accepted, list) and accepted:
        if not all(map(_is_name, accepted)):
            raise ValueError("a choice that is neither a text nor a finite number")
        names = [str(value) for value in accepted]
        return [Region(Answer("choices", tuple(texts.get(name, name) for name in names)))]
    if isinstance(task.get("label"), str):
        return [Region(Answer("choices", (task["label"],)))]
    if isinstance(cats, dict):
        # spaCy's categories are numbers from 0 to 1, one for each.
        if any(isinstance(value, float) and not isfinite(value) for value in cats.values()):
            raise ValueError("a category whose number is not finite")
        chosen = tuple(label for label, value in cats.items() if value >= 0.5)
        return [Region(Answer("choices", chosen))] if chosen else []
    return []


def _said(task: Task, texts: Mapping[str, str]) -> list[Region]:
    """Return the answers that our writer keeps under their controls' names."""
    found = []
    for name, said in (task.get("answers") or {}).items():
        if said["type"] not in ANSWERS:
            raise ValueError("is of an unknown type")
        found.append(Region(Answer(said["type"], _values(said["values"])), control=name))
    return found


def _transcribed(task: Task, texts: Mapping[str, str]) -> list[Region]:
    text = task.get("transcript")
    return [Region(Answer("textarea", (text,)), control="transcript")] if isinstance(text, str) else []


_OUR_META = frozenset(("task_id", "priority", "model_version", "annotator", "ground_truth", "score"))
_NAMES = {("spans", True): "text span", ("spans", False): "image span"}
_NAMES |= {("audio_spans", True): "audio region", ("audio_spans", False): "audio region"}


def _further(task: Task, meta: Task, place: str, ledger: Ledger) -> dict[str, Any]:
    """Return the further fields of a task: its own, those that our writer put beside `meta`, and `meta`'s."""
    data = task.get("data")
    own = {**note_unknown(task, place, ledger), **(data if isinstance(data, dict) else {})}
    return {**own, **{key: value for key, value in meta.items() if key not in _OUR_META}}


def _is_same(one: Item, other: Item) -> bool:
    """Return whether two lines are annotations of one input: never two bare lines, which are two tasks."""
    is_one = (one.kind, one.media, one.id, one.data) == (other.kind, other.media, other.id, other.data)
    return is_one and one.id is not None and bool(one.annotations and other.annotations)


def _size(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1 << 30 else None


def _values(values: list[Any]) -> tuple[Any, ...]:
    if any(isinstance(value, float) and not isfinite(value) for value in values):
        raise ValueError("an answer that is no finite number")
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _region(span: Task, shape: Any, key: str) -> Region:
    label = span.get("label")
    own = span.get("id")
    attributes = span.get("attributes")
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
        number(span.get("score")),
        "",
        pairs,
        captions,
        **_further_of(span),
    )


def _caption(name: str, said: Any) -> Caption | None:
    """Return an answer about a region as our writer keeps it; None for an attribute."""
    if isinstance(said, list):
        return Caption("textarea", name, tuple(said))
    if isinstance(said, dict) and said.get("type") in ANSWERS and isinstance(said.get("values"), list):
        return Caption(said["type"], name, _values(said["values"]))
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


def _text_span(span: Task, task: Task) -> TextSpan:
    start, end = span["start"], span["end"]
    if not isinstance(start, int) or not isinstance(end, int):
        raise ValueError("offsets are not whole numbers")
    if end > len(task["text"]):
        raise ValueError("offsets past the text")
    if not 0 <= start < end:
        raise ValueError("the span is empty, or before the text")
    return TextSpan(start, end)


def _picture_span(span: Task, task: Task) -> Geometry:
    kind = span.get("type", "rect" if "width" in span else "polygon")
    points = tuple((float(x), float(y)) for x, y in span.get("points") or ())
    if not all(abs(x) <= FARTHEST and abs(y) <= FARTHEST for x, y in points):
        raise ValueError("a coordinate is not finite, or out of range")
    if kind == "rect":
        return _rectangle(span, points)
    if kind not in ("polygon", "freehand"):
        raise ValueError("unknown type of span")
    if len(points) < 3:
        raise ValueError("fewer than 3 points")
    return Polygon(points)


def _rectangle(span: Task, points: tuple[tuple[float, float], ...]) -> Box:
    if "x" in span and "width" in span:
        left, top, width, height = (float(span[key]) for key in ("x", "y", "width", "height"))
    else:
        left, top = min(x for x, _ in points), min(y for _, y in points)
        width, height = max(x for x, _ in points) - left, max(y for _, y in points) - top
    if not abs(left) + abs(top) + abs(width) + abs(height) <= FARTHEST or width < 0 or height < 0:
        raise ValueError("a coordinate is not finite or out of range, or a side negative")
    return Box(left, top, width, height)


def _sound_span(span: Task, task: Task) -> AudioSpan:
    start, end = float(span["start"]), float(span["end"])
    if not -FARTHEST <= start <= end <= FARTHEST:
        raise ValueError("ends before it starts, or is not finite")
    return AudioSpan(start, end)


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"has no {str(error.args[0])[:40]!r}"
    if type(error) is ValueError and "convert" not in str(error) and "unpack" not in str(error):
        return str(error)[:80]
    return "a part of it is of the wrong type"
