"""Inputs: a file, a stream or standard input, as it is or packed with gzip."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, cast

from exporters.errors import InputError

STANDARD = Path("-")
# Beyond this much text a file packed better than any real export is taken for a decompression bomb.
BOMB_SIZE, BOMB_RATIO = 1 << 28, 400
LARGEST_CONFIG = 1 << 24
LINE_BLOCK = 1 << 16
_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"7z\xbc\xaf": "a 7z archive",
}


class Readable(Protocol):
    """Anything that gives bytes: a file, an `Input`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class _Packed:
    """The packed bytes of a gzip file: counted, and with those in front that were looked at already."""

    def __init__(self, file: BinaryIO, start: bytes):
        self._file, self._start, self.count = file, start, 0

    def read(self, size: int = -1) -> bytes:
        if self._start:
            data, self._start = self._start[:size], self._start[size:]
        else:
            data = self._file.read(size)
        self.count += len(data)
        return data


class Input:
    """The bytes of an input. Until `release` it can be wound back, also where the file itself cannot.

    Whatever goes wrong on the way is an `InputError` that names the input.
    """

    def __init__(self, file: BinaryIO, name: str):
        self.name, self._file = name, file
        self._source: Any = file
        self._packed: _Packed | None = None
        self._kept: bytearray | None = bytearray()
        self._at = self._count = 0
        self._keeping = True
        self._unpack()

    def _unpack(self) -> None:
        # By its content and not its name: what comes through a pipe has no suffix.
        start = self.read(6)
        told = next((what for magic, what in _ARCHIVES.items() if start.startswith(magic)), None)
        if told is not None:
            raise InputError(f"{self.name}: is {told}; unpack it first")
        self.seek(0)
        if start.startswith(b"\x1f\x8b"):
            # The packed bytes are fed again to the unpacker, as a pipe cannot go back to them.
            self._kept, self._packed = bytearray(), _Packed(self._file, start)
            self._source = gzip.GzipFile("", "rb", fileobj=cast(BinaryIO, self._packed))

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if self._kept is None:
            return self._more(size)
        data = bytes(self._kept[self._at :] if size < 0 else self._kept[self._at : self._at + size])
        self._at += len(data)
        if size < 0 or len(data) < size:
            more = self._more(size if size < 0 else size - len(data))
            data += more
            if self._keeping:
                self._kept += more
                self._at += len(more)
            else:
                self._kept = None
        return data

    def _more(self, size: int) -> bytes:
        try:
            data: bytes = self._source.read(size)
        except (EOFError, OSError, zlib.error) as error:
            packed = "the compressed file is damaged or cut short" if self._packed else "cannot be read"
            raise InputError(f"{self.name}: {packed} ({error})") from None
        if self._packed is not None:
            self._count += len(data)
            if self._count > BOMB_SIZE and self._count > BOMB_RATIO * self._packed.count:
                raise InputError(
                    f"{self.name}: unpacks to more than {BOMB_RATIO} times its size; if that is meant, "
                    "unpack it first"
                )
        return data

    def seek(self, offset: int) -> int:
        """Go back to the start, which is the only place to go to; not after `release`."""
        if offset or not self._keeping:
            raise ValueError("an input can be wound back to its start only, before it is released")
        self._at = 0
        return 0

    def release(self) -> None:
        """Keep nothing from here on: what is read now is gone."""
        self._keeping = False

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        """Give the lines, each with its end."""
        rest = b""
        while block := self.read(LINE_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in lines)
        if rest:
            yield rest

    def __enter__(self) -> Input:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_input(path: Path) -> Input:
    """Open a file, a pipe, or standard input (`-`) for reading bytes; gzip is unpacked, whatever its name."""
    name = "standard input" if path == STANDARD else path.name
    try:
        # A copy of the descriptor: closing the input must not close the process's own standard input.
        file = os.fdopen(os.dup(0), "rb") if path == STANDARD else path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({why})") from None
    try:
        return Input(file, name)
    except BaseException:
        file.close()
        raise


def read_label_config(path: Path) -> str:
    """Return the text of a labeling config; `InputError` names a file that is none."""
    with open_input(path) as file:
        data = file.read(LARGEST_CONFIG + 1)
    if len(data) > LARGEST_CONFIG:
        raise InputError(f"{path}: larger than {LARGEST_CONFIG >> 20} MiB; is it a labeling config?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the labeling config as UTF-8") from None
