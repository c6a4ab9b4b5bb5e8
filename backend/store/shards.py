"""Rows of tasks in shards: files that are there whole or not at all, each named by its own checksum."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.store.files import write_atomically

logger = logging.getLogger(__name__)

# Tasks of one shard: a minute's work at most, unless texts are long or pictures large.
SHARD = 1000
# So many shards more than are needed are put together.
SPARE_FILES = 16


@dataclass(frozen=True)
class Wish:
    """Tasks whose rows are wanted.

    Attributes
    ----------
    ids : array of shape (n_tasks,), int64, ascending
    keys : array of shape (n_tasks,), int64
        What a task's row depends on beside the encoder: another key, another row.
    """

    ids: np.ndarray
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: np.ndarray) -> Wish:
        """Return some of these tasks."""
        return Wish(self.ids[index], self.keys[index])

    def places_of(self, ids: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return where each of some tasks stands here with the same key; -1 for one that does not."""
        if not len(self):
            return np.full(len(ids), -1)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self) - 1)
        return np.where((self.ids[at] == ids) & (self.keys[at] == keys), at, -1)

    def lacking(self, other: Wish) -> Wish:
        """Return the tasks that are not in the other wish."""
        found = self.places_of(other.ids, other.keys)
        left = np.ones(len(self), dtype=bool)
        left[found[found >= 0]] = False
        return self.rows(left)

    def content(self) -> bytes:
        """Return the wish as a .npy file."""
        return _as_npy(np.column_stack([self.ids, self.keys]))

    @staticmethod
    def of(table: np.ndarray) -> Wish:
        """Return the wish that such a file holds."""
        return Wish(*np.asarray(table, dtype=np.int64).reshape(-1, 2).T)

    @staticmethod
    def none() -> Wish:
        """Return a wish for nothing."""
        return Wish.of(np.zeros((0, 2)))


class Shards:
    """The rows of one encoder, in one folder; several workers may add to it at once."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, tasks: Wish, rows: np.ndarray) -> None:
        """Keep rows of shape (n_tasks, dimension), float32."""
        kind = [("task", np.int64), ("key", np.int64), ("row", np.float32, (rows.shape[1],))]
        table = np.zeros(len(tasks), dtype=kind)
        table["task"], table["key"], table["row"] = tasks.ids, tasks.keys, rows
        content = _as_npy(table)
        write_atomically(self.folder / f"{_checksum(content)}.npy", content)

    def having(self, wanted: Wish) -> np.ndarray:
        """Return which of the wanted tasks have a row, bools of shape (n_wanted,); damaged shards go."""
        there = np.zeros(len(wanted), dtype=bool)
        for path in self._paths():
            content = path.read_bytes()
            if _checksum(content) != path.stem:
                logger.error("%s is damaged: its tasks are encoded anew", path)
                path.unlink(missing_ok=True)
                continue
            table = np.load(io.BytesIO(content), allow_pickle=False)
            places = wanted.places_of(table["task"], table["key"])
            there[places[places >= 0]] = True
        return there

    def rows_of(self, wanted: Wish, dimension: int) -> np.ndarray:
        """Return rows of shape (n_wanted, dimension), float32; zeros where a task has none."""
        rows = np.zeros((len(wanted), dimension), dtype=np.float32)
        for path in self._paths():
            # Mapped: of a large pool only one copy is in memory.
            table = np.load(path, mmap_mode="r", allow_pickle=False)
            places = wanted.places_of(table["task"], table["key"])
            if table["row"].shape[1] == dimension:
                rows[places[places >= 0]] = table["row"][places >= 0]
        return rows

    def newest(self, ids: np.ndarray, dimension: int) -> np.ndarray:
        """Return rows of shape (n_tasks, dimension) by the tasks' ids alone, of their last keys."""
        rows, keys = np.zeros((len(ids), dimension), dtype=np.float32), np.full(len(ids), -1)
        order = np.argsort(ids)
        for path in self._paths():
            table = np.load(path, mmap_mode="r", allow_pickle=False)
            at = np.minimum(np.searchsorted(ids, table["task"], sorter=order), len(ids) - 1)
            place = order[at]
            good = (ids[place] == table["task"]) & (table["key"] > keys[place])
            rows[place[good]], keys[place[good]] = table["row"][good], table["key"][good]
        return rows

    def tidy(self, wanted: Wish, rows: np.ndarray) -> None:
        """Put many small shards together, without what nobody wants any more; all wanted rows are given."""
        old = list(self._paths())
        if len(old) <= len(wanted) / SHARD + SPARE_FILES:
            return
        for i in range(0, len(wanted), SHARD):
            part = slice(i, i + SHARD)
            self.add(Wish(wanted.ids[part], wanted.keys[part]), rows[part])
        kept = set(self._paths()) - set(old)
        for path in old:
            # One that came out the same, under the same name, is among the old.
            if path not in kept and not _is_current(path, wanted):
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> Iterator[Path]:
        return (path for path in sorted(self.folder.glob("[!.]*.npy")) if path.is_file())


def _is_current(path: Path, wanted: Wish) -> bool:
    table = np.load(path, mmap_mode="r", allow_pickle=False)
    n = len(table)
    return n == SHARD and bool((wanted.places_of(table["task"], table["key"]) >= 0).all())


def _as_npy(table: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return buffer.getvalue()


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
