"""CVAT XML 1.1 as a format: its reader, its writer and its options."""

from __future__ import annotations

from collections.abc import Iterator

from exporters.contract import Format, Job
from exporters.cvat.options import CvatOptions
from exporters.cvat.reader import read_cvat
from exporters.cvat.writer import CvatWriter, drawn_pieces
from exporters.inputs import Readable
from exporters.records import Item


def _read(file: Readable, name: str, job: Job) -> Iterator[Item]:
    return read_cvat(file, name, job.ledger, job.declared, job.options.of(CvatOptions).video)


CVAT = Format(
    title="CVAT XML 1.1",
    suffix=".xml",
    recognizes=lambda head: head.start.startswith(b"<"),
    read=_read,
    write=CvatWriter,
    options=CvatOptions,
    is_told_by_suffix=True,
    companions="labels, image list, sources",
    pieces=drawn_pieces,
)
