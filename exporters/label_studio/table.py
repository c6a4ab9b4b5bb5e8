"""CSV and TSV as rows, whatever the size of their cells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

from exporters.errors import InputError
from exporters.inputs import Readable
from exporters.json_scan import LARGEST_ITEM

# The columns of Label Studio's short exports that are neither data nor answers.
BOOKKEEPING = frozenset(
    ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "history")
)
MOST_LINES = 1_000_000
_LIMIT = Lock()


def read_table(file: Readable, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (row, place) of a CSV or TSV file, its cells as `Cell`."""
    lines = _RowLines(_lines(file, name), name)
    first = next(lines, "")
    # Spreadsheets write semicolons where the decimal point is a comma.
    mark = max(",\t;", key=first.count)
    reader = csv.reader(_chained(first, lines), delimiter=mark)
    try:
        cells_of = _unlimited(reader, lines)
        header = next(cells_of, [])
        if len(set(header)) < len(header):
            raise InputError(f"{name}: two columns of one name")
        for cells in cells_of:
            place = f"{name}, line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise InputError(f"{place}: {len(cells)} cells under {len(header)} columns")
            yield {key: _cell(key, cell) for key, cell in zip(header, cells, strict=True)}, place
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: not CSV ({error})") from None


class _RowLines:
    """The lines of a table; one row may not have more of them than can be read in seconds."""

    def __init__(self, lines: Iterator[str], name: str):
        self._lines, self._name = lines, name
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.count += 1
        if self.count > MOST_LINES:
            raise InputError(
                f"{self._name}: one row has more than {MOST_LINES:,} lines; is a quote not closed?"
            )
        return next(self._lines)


def _unlimited(reader: Iterator[list[str]], lines: _RowLines) -> Iterator[list[str]]:
    """Yield the rows of a reader, whatever the size of their cells."""
    while True:
        lines.count = 0
        # A cell can hold all brush strokes of a picture; csv stops at 128 KiB by default. The limit is
        # the whole process's: it holds for one row, and no other thread restores it meanwhile.
        with _LIMIT:
            before = csv.field_size_limit(LARGEST_ITEM)
            try:
                cells = next(reader, None)
            finally:
                csv.field_size_limit(before)
        if cells is None:
            return
        yield cells


def _lines(file: Readable, name: str) -> Iterator[str]:
    rest: list[bytes] = []
    try:
        while block := file.read(1 << 16):
            if b"\n" in block:
                *whole, last = (b"".join(rest) + block).split(b"\n")
                rest = [last]
                for line in whole:
                    yield (line + b"\n").decode("utf-8-sig")
            else:
                rest.append(block)
            if len(rest) > LARGEST_ITEM >> 16:
                raise InputError(f"{name}: one line is larger than {LARGEST_ITEM >> 20} MiB")
        if any(rest):
            yield b"".join(rest).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: is not UTF-8; save it as UTF-8") from None
    except (EOFError, OSError) as error:
        raise InputError(f"{name}: the compressed file is damaged or cut short ({error})") from None


def _chained(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


class Cell(str):
    """A cell of a table. What is JSON in an answer is a text in the data: only the row as a whole tells."""


def _cell(key: str, text: str) -> Any:
    return _number(text) if key in BOOKKEEPING else Cell(text)


def _number(text: str) -> Any:
    # isdigit alone holds for superscripts, which int() refuses.
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else text or None
    except ValueError:
        return text
