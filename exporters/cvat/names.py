"""Image names that CVAT finds again.

CVAT compares names without extension, and takes the id for a frame number when it knows no such name: two
images of one stem would share their annotations. So each stem is used once.
"""

from __future__ import annotations

import re
from array import array

from exporters.paths import basename, media_name, stem
from exporters.xml_text import ILLEGAL, REPLACEMENT

_BREAK = re.compile("[\t\n\r\x85\u2028\u2029]")


class SeenHashes:
    """A set of 64 bit hashes in about 16 bytes a member, in parts that grow one by one.

    A million names fit where a set of texts would not, and no moment needs two whole tables.
    """

    PARTS = 64

    def __init__(self) -> None:
        self._tables = [array("Q", [0]) * 64 for _ in range(self.PARTS)]
        self._counts = [0] * self.PARTS

    def add(self, text: str) -> bool:
        """Add a text; return whether it was there already."""
        # Zero marks a free place, so no key may be zero.
        key = hash(text) & 0xFFFFFFFFFFFFFFFF or 1
        part = key % self.PARTS
        table = self._tables[part]
        size = len(table)
        at = (key >> 6) % size
        while table[at]:
            if table[at] == key:
                return True
            at = at + 1 if at + 1 < size else 0
        table[at] = key
        self._counts[part] += 1
        # Beyond two thirds linear probing slows down steeply.
        if self._counts[part] * 3 > size * 2:
            self._tables[part] = _grown(table)
        return False


def _grown(old: array[int]) -> array[int]:
    """Return a table of half as much again with the same members."""
    size = len(old) + len(old) // 2
    table = array("Q", [0]) * size
    for key in old:
        if key:
            at = (key >> 6) % size
            while table[at]:
                at = at + 1 if at + 1 < size else 0
            table[at] = key
    return table


class ImageNames:
    """Gives each image the name that it has in the CVAT task."""

    def __init__(self, style: str):
        self._base_only = style == "basename"
        self._seen = SeenHashes()
        self._last: dict[str, int] = {}

    def wanted(self, address: str) -> tuple[str, str]:
        """Return (name, how it differs from the address) were it the only image; empty for no name."""
        how = ""
        name = media_name(address) if address else ""
        if self._base_only:
            name = basename(name)
        if not name.isprintable():
            if ILLEGAL.search(name):
                name, how = ILLEGAL.sub(REPLACEMENT, name), "name had characters that XML cannot hold"
            # A row a name in the lists beside the document: a line break would shift all rows below it.
            if _BREAK.search(name):
                name, how = _BREAK.sub(" ", name), "name had tabs or line breaks: blanks instead"
        return name, how

    def given(self, name: str, how: str, position: int) -> tuple[str, str]:
        """Return (name, how it differs) of the next image, of which these are wanted."""
        if not name:
            name, how = f"image_{position:06d}", "the task names no file"
        if self._seen.add(stem(name)):
            name, how = self._free(name), "renamed: another image has this name without its extension"
        return name, how

    def _free(self, name: str) -> str:
        root = stem(name)
        ending = name[len(root) :]
        # From where the last search ended: a thousand images of one name would else take a million steps.
        number = self._last.get(root, 1) + 1
        while self._seen.add(f"{root}-{number}"):
            number += 1
        self._last[root] = number
        return f"{root}-{number}{ending}"
