"""The queue head: which tasks come next, in which order, and how Label Studio is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.learning.vectorize import Features
from backend.loop.options import ProjectOptions
from clean_al import IntelligentSampler

# How many times as many tasks are looked at as are wanted, where no two of a group should come.
MORE = 10


@dataclass(frozen=True)
class Head:
    """The head of a project's queue.

    Attributes
    ----------
    rows : array of shape (n_head,), int64
        Rows of the candidates, the most informative first.
    audit : array of shape (n_head,), bool
        True where the task was drawn uniformly at random, to estimate accuracy honestly.
    """

    rows: np.ndarray
    audit: np.ndarray


@dataclass(frozen=True)
class Chooser:
    """A sampler, and the doubts that it goes by where it has learned no answers itself.

    Attributes
    ----------
    rows : array of shape (n_candidates,), int64, ascending
        The rows of the pool that the doubts are about.
    doubt : array of shape (n_candidates,), higher for less sure; None when the sampler knows by itself
    groups : array of shape (n_candidates,); tasks of one group come one at a time, those most in doubt first
    """

    sampler: IntelligentSampler
    rows: np.ndarray
    doubt: np.ndarray | None = None
    groups: np.ndarray | None = None

    def best(self, pool: Features, rows: np.ndarray, n: int, options: ProjectOptions) -> np.ndarray:
        """Return n of these rows of the pool: one batch as the sampler wants it, then a reserve.

        The batch is what annotators get until the next round; the reserve is for many annotators, and for
        the time in which no round ends.
        """
        picked = np.empty(0, dtype=np.int64)
        for want in (min(options.batch_size, n), n - min(options.batch_size, n)):
            if want:
                left = np.setdiff1d(rows, picked)
                picked = np.concatenate([picked, left[self._select(pool.rows(left), left, want)]])
        return picked

    def _select(self, free: Features, rows: np.ndarray, n: int) -> np.ndarray:
        places = np.searchsorted(self.rows, rows)
        doubt = None if self.doubt is None else self.doubt[places]
        if self.groups is None:
            return self.sampler.select(free.X, n, embedding=free.embedding, doubt=doubt)
        # More than wanted, for some will be of a group that has been there.
        wanted, mode = min(len(rows), MORE * n), "sequential"
        ranked = self.sampler.select(free.X, wanted, embedding=free.embedding, doubt=doubt, batch_mode=mode)
        first = np.zeros(wanted, dtype=bool)
        first[np.unique(self.groups[places[ranked]], return_index=True)[1]] = True
        return np.concatenate([ranked[first], ranked[~first]])[:n]


def as_predictions(
    task_ids: np.ndarray, results: Sequence[list[dict[str, Any]]], version: str
) -> Iterator[dict[str, Any]]:
    """Yield one Label Studio prediction per task of the head, in order.

    The score is rank / n: Label Studio serves the lowest first, so the batch keeps its order. The model's own
    confidence stands inside the result.

    Parameters
    ----------
    results : what an annotator finds filled in, one a task
    """
    for rank, (task, result) in enumerate(zip(task_ids, results, strict=True)):
        score = rank / len(task_ids)
        yield {"task": int(task), "model_version": version, "score": score, "result": result}
