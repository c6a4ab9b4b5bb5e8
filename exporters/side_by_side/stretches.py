"""A JSON file cut into stretches of whole objects, without parsing them.

A stretch ends where the count of braces says that an object ends. Braces inside strings can make that wrong,
but whoever parses the stretch sees it: a wrong end stands inside a string or an object, and leaves something
open. From there on the file is cut again, by looking at every string.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporters.inputs import Readable
from exporters.json_stream import last_end, object_ends

# Large enough that handing it over costs nothing beside the work on it; a few of them are in memory at once.
SIZE = 1 << 19
# What does not end within this is not handed over: one object is followed through the stream by itself.
LARGEST = 1 << 23


class Rejoined:
    """Bytes that were read already, and then the rest of their file."""

    def __init__(self, parts: list[bytes], file: Readable):
        self._parts, self._file = parts[::-1], file

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while self._parts:
            part = self._parts.pop()
            if 0 <= size < len(part):
                self._parts.append(part[size:])
                part = part[:size]
            if part:
                return part
        return self._file.read(size)


class Stretches:
    """Gives the stretches of an array or of lines one after another; what is left over stays in `rest`.

    Each begins right after the one before, with the comma between them.
    """

    def __init__(self, file: Readable, is_exact: bool = False):
        self._file, self._is_exact = file, is_exact
        self.rest = b""

    def __iter__(self) -> Iterator[bytes]:
        size = SIZE
        while len(self.rest) <= LARGEST:
            more = self._read(size)
            if not more:
                return
            self.rest += more
            end = self._end(self.rest)
            if end:
                stretch, self.rest = self.rest[:end], self.rest[end:]
                yield stretch
            # An object larger than a stretch: reading twice as much each time keeps the work linear.
            size = SIZE if end else size * 2

    def _end(self, text: bytes) -> int:
        if not self._is_exact:
            return last_end(text)
        ends = object_ends(text)
        return ends[-1] if ends else 0

    def _read(self, size: int) -> bytes:
        parts, count = [], 0
        while count < size:
            part = self._file.read(size - count)
            if not part:
                break
            parts.append(part)
            count += len(part)
        return b"".join(parts)
