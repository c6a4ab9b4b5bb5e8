"""One large JSON object found in a stream: looked at once, byte by byte, in blocks of bounded size."""

from __future__ import annotations

from exporters.errors import InputError
from exporters.inputs import Readable

LARGEST_ITEM = 1 << 28
# A parsed value takes some 70 bytes: this many fit into 2 GB.
MOST_VALUES = 30_000_000
# The parsers give up soon after this depth.
DEEPEST = 1000
STEP = 1 << 20

_MARKS = bytes(byte in b'"{}[],' for byte in range(256))


class Scan:
    """Follows an object through blocks of text: whether it is inside a string, and how deeply nested."""

    def __init__(self, place: str):
        self._place = place
        self._inside = self._escaped = False
        self._depth = self._values = 0

    def end(self, text: bytes) -> int:
        """Return where the object ends in this block; 0 when it goes on.

        Raises `InputError` when it is nested too deeply or holds too many values.
        """
        import numpy as np  # only where it is needed: it takes longer to load than a small file to read

        text = self._unescaped(text)
        places = np.flatnonzero(np.frombuffer(text.translate(_MARKS), np.bool_))
        marks = np.frombuffer(text, np.uint8)[places]
        quotes = marks == ord('"')
        # Odd after an opening quote, even after a closing one: no loop over characters is needed.
        inside = (np.cumsum(quotes, dtype=np.int64) + self._inside) & 1
        self._inside = bool(inside[-1]) if inside.size else self._inside
        counts = (inside == 0) & ~quotes
        places, marks = places[counts], marks[counts]
        steps = np.where((marks == ord("{")) | (marks == ord("[")), 1, -1)
        # Commas open nothing, but each stands for one more value.
        steps[marks == ord(",")] = 0
        depth = np.cumsum(steps) + self._depth
        ends = np.flatnonzero((depth == 0) & (marks == ord("}")))
        stop = int(ends[0]) + 1 if ends.size else depth.size
        self._check(int(depth[:stop].max(initial=0)), int((steps[:stop] >= 0).sum()))
        self._depth = int(depth[-1]) if depth.size else self._depth
        return int(places[ends[0]]) + 1 if ends.size else 0

    def _unescaped(self, text: bytes) -> bytes:
        """Return the text with what a backslash escapes made harmless; its length stays."""
        if self._escaped:
            # The backslash ended the last block: the first character of this one is escaped.
            text = b"_" + text[1:]
        self._escaped = bool((len(text) - len(text.rstrip(b"\\"))) % 2)
        if b"\\" in text:
            # Pairs first: what is left of a backslash before a quote then really escapes it.
            text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        return text

    def _check(self, depth: int, values: int) -> None:
        self._values += values
        if depth > DEEPEST:
            raise InputError(f"{self._place}: nested more than {DEEPEST} deep")
        if self._values > MOST_VALUES:
            raise InputError(f"{self._place}: more than {MOST_VALUES:,} values in one object")


def gather(file: Readable, start: bytes, place: str) -> tuple[bytes | bytearray, bytes]:
    """Return (the object that `start` begins, what follows it), reading as far as it takes.

    Raises `InputError` when the object is too large, too deep, or the file ends within it.
    """
    scan, whole, block = Scan(place), bytearray(), start
    while block:
        end = scan.end(block)
        if end:
            whole += block[:end]
            return whole, block[end:]
        whole += block
        if len(whole) > LARGEST_ITEM:
            raise InputError(f"{place}: larger than {LARGEST_ITEM >> 20} MiB")
        block = file.read(STEP)
    raise InputError(f"{place}: the JSON is cut short, or broken")
