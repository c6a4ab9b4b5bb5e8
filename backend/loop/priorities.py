"""The queue head: which tasks come next, in which order, and how Label Studio is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.learning.controls import Control
from backend.learning.vectorize import Features
from backend.loop.options import ProjectOptions
from clean_al import IntelligentSampler


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


def choose_head(
    sampler: IntelligentSampler,
    pool: Features,
    candidates: np.ndarray,
    options: ProjectOptions,
    rng: np.random.Generator,
) -> Head:
    """Return the next `queue_size` candidates: one batch as the sampler wants it, then a reserve.

    The batch is what annotators get until the next round; the reserve is for many annotators, and for the
    time in which no round ends. Every 1/`exploration`-th place goes to a task drawn uniformly. Candidates
    that cannot be read come last, where there is room.

    Parameters
    ----------
    candidates : array of shape (n_candidates,), int64
        The rows of the pool to choose among, ascending.
    """
    readable = candidates[pool.readable[candidates]]
    size = min(options.queue_size, len(readable))
    drawn = rng.permutation(readable)[: round(size * options.exploration)]
    chosen = _best(sampler, pool, np.setdiff1d(readable, drawn), size - len(drawn), options)
    rows, audit = _interleave(chosen, drawn)
    if size < options.queue_size:
        unreadable = candidates[~pool.readable[candidates]][: options.queue_size - size]
        rows = np.concatenate([rows, unreadable])
        audit = np.concatenate([audit, np.zeros(len(unreadable), dtype=bool)])
    return Head(np.searchsorted(candidates, rows), audit)


def _best(
    sampler: IntelligentSampler, pool: Features, rows: np.ndarray, n: int, options: ProjectOptions
) -> np.ndarray:
    picked = np.empty(0, dtype=np.int64)
    for want in (min(options.batch_size, n), n - min(options.batch_size, n)):
        if want:
            left = np.setdiff1d(rows, picked)
            free = pool.rows(left)
            picked = np.concatenate([picked, left[sampler.select(free.X, want, embedding=free.embedding)]])
    return picked


def _interleave(chosen: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spread the drawn rows evenly, the first one in the middle of the first stretch."""
    total = len(chosen) + len(drawn)
    audit = np.zeros(total, dtype=bool)
    if len(drawn):
        step = total / len(drawn)
        audit[(step / 2 + step * np.arange(len(drawn))).astype(int)] = True
    rows = np.empty(total, dtype=np.int64)
    rows[audit], rows[~audit] = drawn, chosen
    return rows, audit


def as_predictions(
    task_ids: np.ndarray,
    probabilities: np.ndarray | None,
    labels: list[str],
    control: Control | None,
    version: str,
) -> Iterator[dict[str, Any]]:
    """Yield one Label Studio prediction per task of the head, in order.

    The score is rank / n: Label Studio serves the lowest first, so the batch keeps its order. The model's own
    confidence stands inside the result.
    """
    for rank, task in enumerate(task_ids):
        result: list[dict[str, Any]] = []
        if probabilities is not None and control is not None:
            best = int(np.argmax(probabilities[rank]))
            result = control.result_for(labels[best], float(probabilities[rank, best]))
        yield {
            "task": int(task),
            "model_version": version,
            "score": rank / len(task_ids),
            "result": result,
        }
