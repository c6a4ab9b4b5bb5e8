"""The formats: what each one is called, how it is read, and how it is written.

A new format is a reader, a writer, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from exporters.cvat.reader import read_cvat
from exporters.cvat.writer import CvatWriter
from exporters.errors import InputError, OptionError
from exporters.files import Outputs, inner_suffix, is_stream
from exporters.inputs import Input, Readable
from exporters.json_stream import read_objects
from exporters.label_studio.config import LabelingConfig
from exporters.label_studio.reader import TASK_KEYS, read_tasks
from exporters.label_studio.writer import LabelStudioWriter
from exporters.options import Options
from exporters.prodigy.reader import ProdigyReader
from exporters.prodigy.writer import ProdigyWriter
from exporters.records import Item
from exporters.report import Ledger


class Writer(Protocol):
    """What every format's writer can do."""

    def write(self, item: Item) -> None:
        """Append one item."""

    def finish(self) -> None:
        """Write what was kept back."""

    def close(self) -> None:
        """Let go of what is held; also after a failure."""


Reader = Callable[[Readable, str, LabelingConfig, Options, Ledger], Iterator[Item]]
MakeWriter = Callable[[Path, Outputs, LabelingConfig, Options, Ledger, str], Writer]


class Format(NamedTuple):
    """One format."""

    title: str
    suffix: str
    read: Reader
    writer: MakeWriter
    companions: str = ""


def _read_label_studio(
    file: Readable, name: str, config: LabelingConfig, options: Options, ledger: Ledger
) -> Iterator[Item]:
    return read_tasks(read_objects(file, name), config, options, ledger)


def _read_cvat(
    file: Readable, name: str, config: LabelingConfig, options: Options, ledger: Ledger
) -> Iterator[Item]:
    return read_cvat(file, name, ledger)


def _read_prodigy(
    file: Readable, name: str, config: LabelingConfig, options: Options, ledger: Ledger
) -> Iterator[Item]:
    return ProdigyReader(ledger).read(read_objects(file, name))


FORMATS: dict[str, Format] = {
    "cvat": Format("CVAT XML 1.1", ".xml", _read_cvat, CvatWriter, "labels, image list, sources"),
    "prodigy": Format("Prodigy JSON Lines", ".jsonl", _read_prodigy, ProdigyWriter),
    "label-studio": Format(
        "Label Studio JSON", ".json", _read_label_studio, LabelStudioWriter, "the labeling config"
    ),
}


def by_suffix(path: Path) -> str | None:
    """Return the name of the format that files of this name have; None when none does."""
    suffix = inner_suffix(path)
    return next((name for name, form in FORMATS.items() if form.suffix == suffix), None)


def check_suffix(path: Path, name: str) -> None:
    """Raise `OptionError` when the output's name says another format, or one that there is not."""
    suffix, form = inner_suffix(path), FORMATS[name]
    if suffix not in ("", form.suffix) and not is_stream(path):
        known = ", ".join(f"{other.suffix} ({key})" for key, other in FORMATS.items())
        raise OptionError(
            f"{path.name}: {form.title} is written to a name in {form.suffix}, not {suffix}; "
            f"the formats: {known}, each also with .gz"
        )


def by_content(file: Input | BinaryIO, path: Path) -> str:
    """Return the format of a file by its start; leaves the file there."""
    head: Any = file.read(4096)
    file.seek(0)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return "cvat"
    if start.startswith(b"["):
        return "label-studio"
    if start.startswith(b"{"):
        first, _ = next(read_objects(file, path.name))
        file.seek(0)
        return "label-studio" if TASK_KEYS & first.keys() else "prodigy"
    raise InputError(f"{path.name}: the format cannot be told from it; say which it is")
