"""Prodigy's answers on their way back: of a file that `prodigy db-out` wrote, or of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from backend.errors import ExchangeError
from backend.exchange.errand import Errand
from backend.exchange.incoming import Incoming, Lost
from backend.exchange.origin import Origin, content_of
from exporters.declared import Declared
from exporters.inputs import open_input
from exporters.json_stream import read_objects
from exporters.label_studio.fit import Draft
from exporters.prodigy.hashes import input_hash
from exporters.prodigy.reader import ProdigyReader
from exporters.records import Annotation, Item
from exporters.report import Ledger

Line = Mapping[str, Any]


def pull(errand: Errand) -> Iterator[Incoming | Lost]:
    """Yield the annotations of a file or, where there is no such file, of a dataset."""
    if not errand.source:
        raise ExchangeError(
            "say what to pull: a file that `prodigy db-out DATASET > FILE` wrote, or a dataset"
        )
    reader = _Answers(errand)
    with ExitStack() as open_files:
        if errand.source == "-" or Path(errand.source).exists():
            file = open_files.enter_context(open_input(Path(errand.source)))
            file.release()
            lines: Iterator[tuple[Line, str]] = read_objects(file, file.name)
        else:
            lines = _of_dataset(errand.source)
        for line, place in lines:
            yield from reader.read(line, place)


def _of_dataset(name: str) -> Iterator[tuple[Line, str]]:
    """Yield a dataset's examples by Prodigy's own database package."""
    try:
        from prodigy.components.db import connect
    except ImportError:
        raise ExchangeError(
            f"{name}: no such file, and Prodigy is not installed here, so that there is no dataset either; "
            f"run `prodigy db-out {name} > {name}.jsonl` where it is, and pull that file"
        ) from None
    database = connect()
    if name not in database.datasets:
        listed = ", ".join(sorted(map(str, database.datasets))[:20]) or "none"
        raise ExchangeError(f"{name}: neither a file nor a dataset of Prodigy. Datasets: {listed}")
    # Its name before Prodigy 1.12.
    read = getattr(database, "get_dataset_examples", None) or database.get_dataset
    for number, line in enumerate(read(name) or (), 1):
        yield line, f"{name}, example {number}"


class _Answers:
    """Turns lines into annotations of tasks."""

    def __init__(self, errand: Errand):
        self._errand = errand
        self._seen: dict[tuple[Any, ...], list[int]] = {}

    def read(self, line: Line, place: str) -> Iterator[Incoming | Lost]:
        """Yield what a line says: one annotation, or why there is none."""
        ledger = Ledger()
        items = list(ProdigyReader(ledger, Declared()).read([(line, place)]))
        if not items:
            yield Lost("shows no text, image, audio or video", place)
            return
        (item,) = items
        # A prediction is what the stream has put in itself.
        annotation = next((each for each in item.annotations if not each.is_prediction), None)
        if annotation is None:
            self._errand.account.left_out["example that nobody has answered"] += 1
            return
        yield self._of(line, item, annotation, ledger, place)

    def _of(
        self, line: Line, item: Item, annotation: Annotation, ledger: Ledger, place: str
    ) -> Incoming | Lost:
        task_id = _task_id(item)
        if task_id is None:
            return Lost("names no task of Label Studio: its `meta` has no `task_id`", place)
        if annotation.rejected:
            return Lost("was rejected: Label Studio has no place for that", place)
        draft = Draft(self._errand.config)
        draft.add(annotation, item)
        # What the reader could not read is missing as much as what the config has no place for.
        draft.unread(ledger)
        origin = self._origin(line, task_id, annotation, draft.results)
        text = item.media if item.kind == "text" else None
        return Incoming.of(origin, draft, place, cancelled=annotation.cancelled, text=text)

    def _origin(self, line: Line, task_id: int, annotation: Annotation, results: list[Any]) -> Origin:
        """Return which annotation this is: whose, of what was asked, and which of several that differ.

        Neither the dataset nor the file belongs to it: a dataset that was renamed, or is now pulled from its
        file, has the same annotations.
        """
        # Prodigy's own number for a question; lines that somebody wrote by hand have none.
        asked = line.get("_task_hash")
        asked = asked if isinstance(asked, int) else input_hash(line)
        by = annotation.annotator or ""
        said = self._seen.setdefault((task_id, by, asked), [])
        content = content_of(results, annotation.cancelled)
        if content not in said:
            said.append(content)
        told = {"by": by} if by else {}
        return Origin("prodigy", task_id, (by, asked, said.index(content)), told)


def _task_id(item: Item) -> int | None:
    number = item.id
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number[:18])
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None
