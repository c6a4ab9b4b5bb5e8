"""Label Studio's tasks as a format: read into records, written from them, or copied whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from exporters.contract import BLANKS, HEAD_SIZE, Format, Head, Job, Placed, Stretched, Verbatim
from exporters.inputs import Readable
from exporters.json_stream import read_objects
from exporters.label_studio.copy import CopiedTasks, TaskCopier
from exporters.label_studio.exports import as_tasks
from exporters.label_studio.options import LabelStudioOptions
from exporters.label_studio.reader import read_tasks
from exporters.label_studio.rows import is_row, plain_rows
from exporters.label_studio.table import read_table
from exporters.label_studio.writer import LabelStudioWriter
from exporters.records import Item


def _read(file: Readable, name: str, job: Job) -> Iterator[Item]:
    return _items(_objects(file, name, job), job)


class _Resumed:
    """A file of which a first block was looked at: that comes first again."""

    def __init__(self, file: Readable):
        self._file, self.first = file, file.read(HEAD_SIZE)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, at least one before the end."""
        if not self.first:
            return self._file.read(size)
        size = len(self.first) if size < 0 else size
        block, self.first = self.first[:size], self.first[size:]
        return block


def _objects(file: Readable, name: str, job: Job) -> Iterator[tuple[Any, str]]:
    """Yield (task, place) for each task of the file, whichever of Label Studio's exports it is."""
    source = _Resumed(file)
    start = source.first.lstrip(BLANKS)
    if start[:1] in (b"[", b"{", b""):
        return as_tasks(read_objects(source, name), job.config)
    return as_tasks(plain_rows(read_table(source, name)), job.config)


def _things(objects: Iterable[Placed], job: Job) -> Iterator[Placed]:
    return as_tasks(objects, job.config)


def _is_apart(thing: Any) -> bool:
    """Return whether an object is read by itself: the rows of one task stand one after another."""
    return type(thing) is dict and ("data" in thing or not is_row(thing))


def _items(tasks: Iterable[Placed], job: Job) -> Iterator[Item]:
    return read_tasks(tasks, job.config, job.options, job.ledger)


def _recognizes(head: Head) -> bool:
    if head.start.startswith((b"[", b"{")):
        return True
    columns = re.split("[,;\t]", head.start.split(b"\n", 1)[0].decode("utf-8", "replace"))
    return is_row(dict.fromkeys(column.strip('"\r ') for column in columns)) or _is_table(head.name)


def _is_table(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


LABEL_STUDIO = Format(
    title="Label Studio JSON",
    suffix=".json",
    recognizes=_recognizes,
    read=_read,
    write=LabelStudioWriter,
    options=LabelStudioOptions,
    verbatim=Verbatim(_objects, TaskCopier, CopiedTasks),
    companions="the labeling config",
    stretched=Stretched(_is_apart, _things, _items),
)
