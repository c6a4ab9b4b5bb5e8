"""Prodigy's JSON Lines read into records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporters.declared import Declared
from exporters.label_studio.read_texts import rendered
from exporters.prodigy.read_choices import ChoiceReader
from exporters.prodigy.read_links import LinkReader
from exporters.prodigy.read_meta import KINDS, MetaReader, Own
from exporters.prodigy.read_sessions import by_input
from exporters.prodigy.read_spans import SpanReader
from exporters.records import Annotation, Item, Region, Relation
from exporters.report import Ledger

Task = Mapping[str, Any]


class ProdigyReader:
    """Turns lines into items: all lines about one input become one item with several annotations."""

    def __init__(self, ledger: Ledger, declared: Declared | None = None):
        self._ledger = ledger
        self._spans, self._choices = SpanReader(ledger), ChoiceReader(ledger, declared or Declared())

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
        homes: dict[tuple[Any, ...], int] = {}
        annotations: dict[int, list[Annotation]] = {}
        done: list[Item] = []
        for item in items:
            # The hash is of the input alone: two tasks can show one text, and pixels count in one size.
            key = (item.kind, item.media, item.id, item.width, item.height)
            # A line that nobody has answered is a task still to do, even if its text came before.
            at = homes.setdefault(key, len(done)) if item.annotations else len(done)
            if at == len(done):
                annotations[at] = []
                done.append(item)
            else:
                done[at] = self._joined(done[at], item)
            annotations[at].extend(item.annotations)
        return [item._replace(annotations=tuple(annotations[at])) for at, item in enumerate(done)]

    def _joined(self, one: Item, other: Item) -> Item:
        """Return an item with what a further line about it says."""
        how = "differs between lines about one input: the first is kept"
        if any(one.data.get(key, value) != value for key, value in other.data.items()):
            self._ledger.change("task data", how, other.place)
        if other.priority not in (None, one.priority) and one.priority is not None:
            self._ledger.change("task data", f"priority {how}", other.place)
        priority = other.priority if one.priority is None else one.priority
        return one._replace(data={**other.data, **one.data}, priority=priority)

    def _item(self, task: Task, place: str) -> Item | None:
        kind = next((key for key in KINDS if isinstance(task.get(key), str)), None)
        if kind is None and isinstance(task.get("html"), str):
            # Spans count in what is shown; the source goes along as data.
            task, kind = {**task, "text": rendered(task["html"])}, "text"
        if kind is None:
            self._ledger.drop("item", "has no text, image, audio or video", place)
            return None
        regions, relations = self._said(task, kind, place)
        is_bare = task.get("answer") is None and not regions and not relations
        meta = MetaReader(task, is_bare, place, self._ledger)
        return Item(
            kind=kind,
            media=task[kind],
            id=meta.own.id,
            width=_size(task.get("width")),
            height=_size(task.get("height")),
            data=meta.data(kind),
            annotations=() if is_bare else (_annotation(task, regions, relations, meta.own),),
            priority=meta.own.priority,
            # With an annotation it is that one's, as our writer has it.
            score=meta.own.score if is_bare else None,
            place=place,
        )

    def _said(self, task: Task, kind: str, place: str) -> tuple[list[Region], list[Relation]]:
        regions = self._spans.read(task, kind, place)
        # Before the answers: links are between spans, and make regions of the words that are none.
        relations = LinkReader(task, regions).read(task.get("relations"), self._ledger, place)
        return regions + self._choices.read(task, place), relations


def _annotation(task: Task, regions: list[Region], relations: list[Relation], own: Own) -> Annotation:
    answer = task.get("answer")
    return Annotation(
        tuple(regions),
        tuple(relations),
        # Prodigy writes an answer with whatever somebody decided; a suggestion has none yet.
        is_prediction=answer is None,
        annotator=own.annotator,
        model_version=own.model_version,
        score=own.score,
        cancelled=answer == "ignore",
        ground_truth=own.ground_truth,
        rejected=answer == "reject",
        is_empty=not regions,
    )


def _size(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1 << 30 else None


def _is_same(one: Item, other: Item) -> bool:
    """Return whether two lines are annotations of one input: never two bare lines, which are two tasks."""
    is_one = (one.kind, one.media, one.id, one.data) == (other.kind, other.media, other.id, other.data)
    return is_one and one.id is not None and bool(one.annotations and other.annotations)
