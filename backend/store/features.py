"""The pool's features, kept between rounds: a round reads only what is new."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from backend.learning.inputs import Reader, Values
from backend.learning.vectorize import Features, InputSpec
from backend.store.files import atomic_file, read_json, write_json

# Scales and vocabularies are learned anew when the pool has grown by this share since they last were.
REFIT_GROWTH = 0.2
# Raised when a vectorizer changes: features of different makes must not meet in one matrix.
FORMAT = 2

Inputs = tuple[InputSpec, ...]
ReadValues = Callable[[np.ndarray], Values]


@dataclass(frozen=True)
class PoolFeatures:
    """The features of every task of a project, row by row like `task_ids` (ascending)."""

    task_ids: np.ndarray
    data_versions: np.ndarray
    features: Features
    reader: Reader

    def __contains__(self, task_id: int) -> bool:
        row = int(np.searchsorted(self.task_ids, task_id))
        return row < len(self.task_ids) and int(self.task_ids[row]) == task_id

    def rows_of(self, task_ids: np.ndarray) -> np.ndarray:
        """Return the rows of tasks that are there."""
        return np.searchsorted(self.task_ids, task_ids)


class FeatureStore:
    """Features of one project's tasks in plain arrays, in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def refresh(
        self, inputs: Inputs, ids: np.ndarray, data_versions: np.ndarray, read: ReadValues, seed: int
    ) -> PoolFeatures:
        """Return the features of tasks `ids`, vectorizing only those that are new or have changed.

        Parameters
        ----------
        ids, data_versions : arrays of shape (n_tasks,), int64; ids ascending
        read : gives the values of the tasks with these ids
        """
        known = self._load(inputs)
        if known is None or self._outgrown(known, ids):
            return self._fit(inputs, ids, data_versions, read, seed)
        pool, fitted_on = known
        at = np.minimum(np.searchsorted(pool.task_ids, ids), max(len(pool.task_ids) - 1, 0))
        same = (
            (pool.task_ids[at] == ids) & (pool.data_versions[at] == data_versions)
            if len(pool.task_ids)
            else at < 0
        )
        if same.all() and len(ids) == len(pool.task_ids):
            return pool
        fresh = pool.reader.transform(read(ids[~same]))
        joined = Features.concatenate([pool.features.rows(at[same]), fresh])
        order = np.argsort(np.concatenate([ids[same], ids[~same]]), kind="stable")
        pool = PoolFeatures(ids, data_versions, joined.rows(order), pool.reader)
        self._save(pool, fitted_on)
        return pool

    def _fit(
        self, inputs: Inputs, ids: np.ndarray, data_versions: np.ndarray, read: ReadValues, seed: int
    ) -> PoolFeatures:
        values = read(ids)
        reader = Reader.fitted(inputs, values, seed)
        pool = PoolFeatures(ids, data_versions, reader.transform(values), reader)
        self._save(pool, len(ids))
        return pool

    @staticmethod
    def _outgrown(known: tuple[PoolFeatures, int], ids: np.ndarray) -> bool:
        return not known[1] / (1 + REFIT_GROWTH) <= len(ids) <= known[1] * (1 + REFIT_GROWTH)

    def _save(self, pool: PoolFeatures, fitted_on: int) -> None:
        described, arrays = pool.reader.state()
        stored = {f"reader.{name}": array for name, array in arrays.items()}
        stored |= {"ids": pool.task_ids, "versions": pool.data_versions, "embedding": pool.features.embedding}
        stored["readable"] = pool.features.readable
        X = pool.features.X
        if isinstance(X, sparse.csr_matrix):
            stored |= {"X.data": np.asarray(X.data), "X.indices": X.indices, "X.indptr": X.indptr}
            stored["X.shape"] = np.array(X.shape)
        elif X is not pool.features.embedding:
            stored["X"] = X
        # The description names the arrays' file: a crash between the two writes leaves the old pair, and two
        # workers that write at once leave one of theirs, never a mixture.
        name = f"features-{secrets.token_hex(8)}.npz"
        with atomic_file(self.folder / name) as file:
            np.savez(file, **stored)  # type: ignore[arg-type]
        kept = {"format": FORMAT, "arrays": name, "fitted_on": fitted_on, "reader": described}
        write_json(self.folder / "features.json", kept)
        for pattern in ("features-*.npz", ".features-*.npz.*"):
            for old in self.folder.glob(pattern):
                if old.name != name:
                    old.unlink(missing_ok=True)

    def _load(self, inputs: Inputs) -> tuple[PoolFeatures, int] | None:
        """Return what was kept, and of how many tasks its reader was fitted; None to begin anew."""
        try:
            kept = read_json(self.folder / "features.json") or {}
            if kept.get("format") != FORMAT or _inputs_of(kept["reader"]) != inputs:
                return None
            return self._restore(kept)
        except Exception:  # noqa: BLE001  a damaged file fails in any way; a cache is then made anew
            return None

    def _restore(self, kept: dict[str, Any]) -> tuple[PoolFeatures, int]:
        path = self.folder / Path(kept["arrays"]).name
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            a = {name: stored[name] for name in stored.files}
        state = {n.removeprefix("reader."): v for n, v in a.items() if n.startswith("reader.")}
        reader = Reader.from_state((kept["reader"], state))
        features = Features(_matrix(a), a["embedding"], a["readable"])
        return PoolFeatures(a["ids"], a["versions"], features, reader), int(kept["fitted_on"])


def _inputs_of(described: dict[str, Any]) -> Inputs:
    return tuple(InputSpec(stored["kind"], tuple(stored["fields"])) for stored in described["inputs"])


def _matrix(arrays: dict[str, np.ndarray]) -> np.ndarray | sparse.csr_matrix:
    if "X.data" in arrays:
        parts = (arrays["X.data"], arrays["X.indices"], arrays["X.indptr"])
        return sparse.csr_matrix(parts, shape=tuple(arrays["X.shape"]))
    return arrays.get("X", arrays["embedding"])
