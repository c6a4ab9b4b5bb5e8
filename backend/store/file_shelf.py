"""What files held that were read last: each is read again only when it is another one."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

MOST_FILES = 200
Stamp = tuple[int, int, int]
Content = TypeVar("Content")


class FileShelf:
    """Keeps what files held that were read last; threads share it, and must not change what they get."""

    def __init__(self, most: int = MOST_FILES):
        self._kept: OrderedDict[str, tuple[Stamp | None, Any]] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def read(self, path: Path, read: Callable[[], Content]) -> Content:
        """Return what `read` makes of a file, without reading it while it is the same."""
        name = str(path)
        # Before the file is read: what changes meanwhile is read again next time.
        seen = stamp(name)
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept[0] == seen:
                self._kept.move_to_end(name)
                found: Content = kept[1]
                return found
        content = read()
        with self._lock:
            # That there is no file is kept as well: asked for most often of projects that have none yet.
            self._kept[name] = (seen, content)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return content


def stamp(path: str) -> Stamp | None:
    """Return what tells a file from the one that takes its place; None without a file.

    Files are replaced whole, so an inode, a size and a time tell two of them apart.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
