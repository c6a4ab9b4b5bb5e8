"""What pages read from MODEL_DIR, each file again only when it has changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from backend.loop.heartbeat import Alive
from backend.project.overview import ProjectStatus, project_status
from backend.store.file_shelf import Stamp, stamp
from backend.store.models import ModelStore

# What a state is read from, in the project's folder.
FILES = (
    "progress.json",
    "published.json",
    "connection.json",
    "connection-copy.json",
    "poll.json",
    "pause.json",
    "rollback.json",
    "title.json",
    "insight.json",
    # How far encoding has come; the last is a folder, which changes as shards are done.
    *(f"encoded/{kind}{which}.json" for kind in ("text", "image") for which in ("", "-wanted")),
    "encoded/asked",
)
QUEUE_FILE = "queue.json"
AGAIN = "; again in "
Signature = tuple[Stamp | None, ...]


class StatusShelf:
    """Keeps the state of each project until one of its files is another one; threads may share it.

    Files are replaced whole, so an inode, a size and a time tell two of them apart.

    Parameters
    ----------
    alive : returns which processes run, without waiting for anybody; None while that is not known
    """

    def __init__(self, store: ModelStore, alive: Callable[[], Alive | None]):
        self._store, self._alive = store, alive
        self._kept: dict[int, tuple[Signature, Alive | None, ProjectStatus]] = {}
        self._lock, self._reading = threading.Lock(), threading.Lock()

    def all(self) -> list[ProjectStatus]:
        """Return the states of all projects, by their numbers."""
        # One at a time: the second finds on the shelf what the first has read.
        with self._reading:
            return self._all()

    def _all(self) -> list[ProjectStatus]:
        ids = self._store.project_ids()
        queue = _signature(self._store.root, (QUEUE_FILE,))
        alive = self._alive()
        found = [self._one(i, queue, alive) for i in ids]
        with self._lock:
            self._kept = {i: kept for i, kept in self._kept.items() if i in set(ids)}
        return found

    def one(self, project_id: int) -> ProjectStatus:
        """Return the state of one project, read now: its notes come from more files than these."""
        return project_status(self._store, project_id, self._alive())

    def _one(self, project_id: int, queue: Signature, alive: Alive | None) -> ProjectStatus:
        # Before the files are read: what changes meanwhile is read again next time.
        seen = queue + _signature(self._store.folder(project_id), FILES)
        with self._lock:
            kept = self._kept.get(project_id)
        if kept is not None and kept[:2] == (seen, alive):
            return kept[2]
        status = project_status(self._store, project_id, alive)
        # A round that failed is tried again in so many seconds: these become fewer while no file changes.
        if AGAIN not in (status.problem or ""):
            with self._lock:
                self._kept[project_id] = (seen, alive, status)
        return status


def _signature(folder: Path, names: tuple[str, ...]) -> Signature:
    return tuple(stamp(os.path.join(folder, name)) for name in names)
