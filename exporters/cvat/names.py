"""Image names that CVAT finds again.

CVAT compares names without extension, and takes the id for a frame number when it knows no such name: two
images of one stem would share their annotations. So each stem is used once.
"""

from __future__ import annotations

from array import array

import numpy as np

from exporters.paths import basename, media_name, stem
from exporters.xml_text import ILLEGAL, REPLACEMENT


class SeenHashes:
    """A set of 64 bit hashes in 16 bytes a member: a million names fit where a set of texts would not."""

    def __init__(self) -> None:
        self._table = array("Q", [0]) * 1024
        self._count = 0

    def add(self, text: str) -> bool:
        """Add a text; return whether it was there already."""
        if self._count * 3 > len(self._table) * 2:
            self._grow()
        table, mask = self._table, len(self._table) - 1
        key = hash(text) & 0xFFFFFFFFFFFFFFFF or 1
        at = key & mask
        while table[at]:
            if table[at] == key:
                return True
            at = (at + 1) & mask
        table[at] = key
        self._count += 1
        return False

    def _grow(self) -> None:
        old = np.frombuffer(self._table, np.uint64)
        table = array("Q", [0]) * (2 * len(self._table))
        mask = len(table) - 1
        for start in range(0, len(old), 8192):  # in parts: a list of all would cost more than the table
            for key in old[start : start + 8192].tolist():
                at = key & mask
                while key and table[at]:
                    at = (at + 1) & mask
                if key:
                    table[at] = key
        self._table = table


class ImageNames:
    """Gives each image the name that it has in the CVAT task."""

    def __init__(self, style: str):
        self._base_only = style == "basename"
        self._seen = SeenHashes()

    def name(self, address: str, position: int) -> tuple[str, str]:
        """Return (name, how it differs from the address), the second empty when the name was free."""
        how = ""
        name = media_name(address) if address else ""
        if not name:
            name, how = f"image_{position:06d}", "the task names no file"
        if self._base_only:
            name = basename(name)
        if not name.isascii() and ILLEGAL.search(name):
            name, how = ILLEGAL.sub(REPLACEMENT, name), "name had characters that XML cannot hold"
        elif not name.isprintable():
            name = ILLEGAL.sub(REPLACEMENT, name)
        if self._seen.add(stem(name)):
            name, how = self._free(name), "renamed: another image has this name without its extension"
        return name, how

    def _free(self, name: str) -> str:
        root = stem(name)
        ending = name[len(root) :]
        number = 2
        while self._seen.add(f"{root}-{number}"):
            number += 1
        return f"{root}-{number}{ending}"
