"""Which annotations have been written into a project: what is written and not there any more was deleted.

Label Studio itself tells what is there, and this file only what was. Where it is lost, an annotation that
somebody deleted comes back while it is still in the other tool; none is ever there twice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from backend.store.files import open_private, private_folder

Key = tuple[int, int]


class Journal:
    """Task and number (see `origin`) of each annotation that was written, a line each, appended.

    Parameters
    ----------
    folder : where everything about the project lies
    project : the project as Label Studio describes it: on a new server its number may be another's
    """

    def __init__(self, folder: Path, project: dict[str, Any]):
        made = hashlib.blake2b(str(project.get("created_at")).encode(), digest_size=6).hexdigest()
        self._path = private_folder(folder) / f"pulled-{made}.txt"
        self._known = _read(self._path)

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def add(self, key: Key) -> None:
        """Note an annotation that is in Label Studio now."""
        if key in self._known:
            return
        self._known.add(key)
        with open(self._path, "ab", opener=open_private) as file:
            # A line break in front too: the last line of a process that was killed may be cut.
            file.write(f"\n{key[0]} {key[1]}\n".encode())


def _read(path: Path) -> set[Key]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return set()
    parts = (line.split() for line in lines)
    return {(int(p[0]), int(p[1])) for p in parts if len(p) == 2 and p[0].isdigit() and p[1].isdigit()}
