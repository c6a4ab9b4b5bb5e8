"""What the loop's pretrained encoders say of a data set, worked out once for all seeds and both arms."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.demo.datasets import Dataset
from backend.demo.simulation import Split
from backend.learning.encoders import Encoders
from backend.loop.encoding import encoded_rows, is_settled
from backend.store.files import write_atomically

ENCODED_WITHIN = 900.0


def encoded_items(dataset: Dataset, items: Sequence[int] | np.ndarray | None = None) -> np.ndarray | None:
    """Return rows of some items, or of all, shape (n_items, dimension); None without an encoder here."""
    encoder = Encoders({dataset.kind: "auto"}).find(dataset.kind).encoder
    if encoder is None:
        return None
    return encoder.encode([dataset.values[i] for i in (range(len(dataset)) if items is None else items)])


class LiveRows:
    """The rows of a data set of which the loop encodes the pool: the held-out items are encoded here.

    Parameters
    ----------
    folder : the connected project's
    tasks : the tasks' ids, in the order of the pool
    """

    def __init__(self, dataset: Dataset, parts: Split, folder: Path, tasks: Sequence[int]):
        self._dataset, self._parts, self._folder, self._tasks = dataset, parts, folder, tasks

    def wait(self, check: Callable[[], None], tell: Callable[[str], None]) -> np.ndarray | None:
        """Return the rows once the loop has its own; None where it goes on without an encoder."""
        held_out = encoded_items(self._dataset, self._parts.held_out)
        if held_out is None:
            return None
        ends = time.monotonic() + ENCODED_WITHIN
        while not is_settled(self._folder, self._dataset.kind) and time.monotonic() < ends:
            check()
            tell(f"the loop encodes its {self._dataset.kind}s")
            time.sleep(0.5)
        own = encoded_rows(self._folder, self._dataset.kind, np.array(self._tasks))
        if own is None:
            return None
        # Those that the loop has made itself are taken, so that both arms learn from the very same rows.
        rows = np.zeros((len(self._dataset), held_out.shape[1]), dtype=np.float32)
        rows[self._parts.pool], rows[self._parts.held_out] = own, held_out
        return rows


def write_rows(path: Path, rows: np.ndarray | None) -> None:
    """Leave the rows of a data set for another process, whole; that there are none is left, too."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((0, 0), dtype=np.float32) if rows is None else rows)
    write_atomically(path, buffer.getvalue())


def read_rows(path: Path) -> Any:
    """Return the rows that another process leaves here, as soon as it does; None where there are none."""
    while not path.exists():
        time.sleep(0.5)
    rows = np.load(path, allow_pickle=False)
    return rows if len(rows) else None
