"""CVAT XML 1.1 as a format: its reader, its writer and its options."""

from __future__ import annotations

from exporters.contract import Format
from exporters.cvat.options import CvatOptions
from exporters.cvat.reader import read_cvat
from exporters.cvat.writer import CvatWriter

CVAT = Format(
    title="CVAT XML 1.1",
    suffix=".xml",
    recognizes=lambda head: head.start.startswith(b"<"),
    read=lambda file, name, job: read_cvat(file, name, job.ledger),
    write=CvatWriter,
    options=CvatOptions,
    is_told_by_suffix=True,
    companions="labels, image list, sources",
)
