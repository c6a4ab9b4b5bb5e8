"""The pool's features, kept between rounds: a round reads only what is new."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from backend.learning.inputs import Reader, Values
from backend.learning.vectorize import Features, Gaps, InputSpec
from backend.store.files import atomic_file, read_json, write_json

# Scales and vocabularies are learned anew when the pool has grown by this share since they last were.
REFIT_GROWTH = 0.2
# Raised when a vectorizer changes: features of different makes must not meet in one matrix.
FORMAT = 4
# Seconds after which what could not be read for a passing reason (a host was down) is tried again.
RETRY_AFTER = 600

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


@dataclass(frozen=True)
class _Kept:
    """What was kept of a pool.

    Attributes
    ----------
    fitted_on, fitted_read : how many tasks the reader was fitted on, and how many values of each input
    means : what there was to read with
    tried : when what could not be read was last tried, in seconds since 1970
    """

    pool: PoolFeatures
    fitted_on: int
    fitted_read: tuple[int, ...]
    means: str
    tried: float

    def outgrown_by(self, ids: np.ndarray) -> bool:
        return not self.fitted_on / (1 + REFIT_GROWTH) <= len(ids) <= self.fitted_on * (1 + REFIT_GROWTH)

    @property
    def reads_more(self) -> bool:
        """Whether much can be read that could not when the reader was fitted."""
        gaps = self.pool.features.gaps
        now = gaps.n_read if gaps else []
        return any(n > (1 + REFIT_GROWTH) * then for n, then in zip(now, self.fitted_read, strict=True))

    def is_worth_another_try(self, means: str, anew: bool) -> np.ndarray:
        """Return whether each task has something unread that may be readable by now, or is asked for anew."""
        gaps = self.pool.features.gaps
        due = time.time() - self.tried >= RETRY_AFTER
        if gaps is None or (means == self.means and not due and not anew):
            return np.zeros(len(self.pool.task_ids), dtype=bool)
        return gaps.with_reason(later=means == self.means and not anew)


class FeatureStore:
    """Features of one project's tasks in plain arrays, in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def refresh(
        self,
        inputs: Inputs,
        ids: np.ndarray,
        data_versions: np.ndarray,
        read: ReadValues,
        seed: int,
        means: str = "",
        *,
        anew: bool = False,
    ) -> PoolFeatures:
        """Return the features of tasks `ids`, vectorizing only those that are new or have changed.

        Parameters
        ----------
        ids, data_versions : arrays of shape (n_tasks,), int64; ids ascending
        read : gives the values of the tasks with these ids
        means : what there is to read with; when it has changed, what could not be read is tried again
        anew : try it again in any case
        """
        kept = self._load(inputs)
        if kept is None or kept.outgrown_by(ids):
            return self._fit(inputs, ids, data_versions, read, seed, means)
        pool = kept.pool
        at = np.minimum(np.searchsorted(pool.task_ids, ids), max(len(pool.task_ids) - 1, 0))
        again = kept.is_worth_another_try(means, anew)
        same = (
            (pool.task_ids[at] == ids) & (pool.data_versions[at] == data_versions) & ~again[at]
            if len(pool.task_ids)
            else at < 0
        )
        if same.all() and len(ids) == len(pool.task_ids):
            return pool
        fresh = pool.reader.transform(read(ids[~same]))
        joined = Features.concatenate([pool.features.rows(at[same]), fresh])
        order = np.argsort(np.concatenate([ids[same], ids[~same]]), kind="stable")
        pool = PoolFeatures(ids, data_versions, joined.rows(order), pool.reader)
        tried = time.time() if again.any() else kept.tried
        kept = replace(kept, pool=pool, means=means, tried=tried)
        if kept.reads_more:
            return self._fit(inputs, ids, data_versions, read, seed, means)
        self._save(kept)
        return pool

    def _fit(
        self,
        inputs: Inputs,
        ids: np.ndarray,
        data_versions: np.ndarray,
        read: ReadValues,
        seed: int,
        means: str,
    ) -> PoolFeatures:
        values = read(ids)
        reader = Reader.fitted(inputs, values, seed)
        features = reader.transform(values)
        pool = PoolFeatures(ids, data_versions, features, reader)
        n_read = tuple(features.gaps.n_read) if features.gaps else ()
        self._save(_Kept(pool, len(ids), n_read, means, time.time()))
        return pool

    def _save(self, kept: _Kept) -> None:
        pool, gaps = kept.pool, kept.pool.features.gaps
        described, arrays = pool.reader.state()
        stored = {f"reader.{name}": array for name, array in arrays.items()}
        stored |= {"ids": pool.task_ids, "versions": pool.data_versions, "embedding": pool.features.embedding}
        stored["readable"] = pool.features.readable
        if gaps is not None:
            stored["gaps"] = gaps.codes
        X = pool.features.X
        if isinstance(X, sparse.csr_matrix):
            stored |= {"X.data": np.asarray(X.data), "X.indices": X.indices, "X.indptr": X.indptr}
            stored["X.shape"] = np.array(X.shape)
        # Where one array is both, it is stored once.
        elif X is not pool.features.embedding:
            stored["X"] = X
        # The description names the arrays' file: a crash between the two writes leaves the old pair, and two
        # workers that write at once leave one of theirs, never a mixture.
        name = f"features-{secrets.token_hex(8)}.npz"
        with atomic_file(self.folder / name) as file:
            np.savez(file, **stored)  # type: ignore[arg-type]
        about = {"format": FORMAT, "arrays": name, "reader": described, "fitted_on": kept.fitted_on}
        about |= {"fitted_read": list(kept.fitted_read), "means": kept.means, "tried": kept.tried}
        about["gaps"] = gaps.to_json() if gaps else []
        write_json(self.folder / "features.json", about)
        for pattern in ("features-*.npz", ".features-*.npz.*"):
            for old in self.folder.glob(pattern):
                if old.name != name:
                    old.unlink(missing_ok=True)

    def _load(self, inputs: Inputs) -> _Kept | None:
        """Return what was kept; None to begin anew."""
        try:
            kept = read_json(self.folder / "features.json") or {}
            if kept.get("format") != FORMAT or _inputs_of(kept["reader"]) != inputs:
                return None
            return self._restore(kept)
        except Exception:  # noqa: BLE001  a damaged file fails in any way; a cache is then made anew
            return None

    def _restore(self, kept: dict[str, Any]) -> _Kept:
        path = self.folder / Path(kept["arrays"]).name
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            a = {name: stored[name] for name in stored.files}
        state = {n.removeprefix("reader."): v for n, v in a.items() if n.startswith("reader.")}
        reader = Reader.from_state((kept["reader"], state))
        gaps = Gaps.from_json(a["gaps"], kept["gaps"])
        pool = PoolFeatures(
            a["ids"], a["versions"], Features(_matrix(a), a["embedding"], a["readable"], gaps), reader
        )
        fitted_read = tuple(map(int, kept["fitted_read"]))
        return _Kept(pool, int(kept["fitted_on"]), fitted_read, str(kept["means"]), float(kept["tried"]))


def _inputs_of(described: dict[str, Any]) -> Inputs:
    return tuple(InputSpec(stored["kind"], tuple(stored["fields"])) for stored in described["inputs"])


def _matrix(arrays: dict[str, np.ndarray]) -> np.ndarray | sparse.csr_matrix:
    if "X.data" in arrays:
        parts = (arrays["X.data"], arrays["X.indices"], arrays["X.indptr"])
        return sparse.csr_matrix(parts, shape=tuple(arrays["X.shape"]))
    return arrays.get("X", arrays["embedding"])
