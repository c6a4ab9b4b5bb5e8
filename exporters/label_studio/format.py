"""Label Studio's tasks as a format: read into records, written from them, or copied whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporters.contract import Format, Head, Job, Verbatim
from exporters.inputs import Readable
from exporters.json_stream import read_objects
from exporters.label_studio.copy import TaskCopier
from exporters.label_studio.options import LabelStudioOptions
from exporters.label_studio.reader import read_tasks
from exporters.label_studio.writer import LabelStudioWriter
from exporters.records import Item


def _read(file: Readable, name: str, job: Job) -> Iterator[Item]:
    return read_tasks(_objects(file, name, job), job.config, job.options, job.ledger)


def _objects(file: Readable, name: str, job: Job) -> Iterator[tuple[Any, str]]:
    return read_objects(file, name)


def _recognizes(head: Head) -> bool:
    return head.start.startswith((b"[", b"{"))


LABEL_STUDIO = Format(
    title="Label Studio JSON",
    suffix=".json",
    recognizes=_recognizes,
    read=_read,
    write=LabelStudioWriter,
    options=LabelStudioOptions,
    verbatim=Verbatim(_objects, TaskCopier),
    companions="the labeling config",
)
