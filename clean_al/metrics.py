"""What a selection was worth, in numbers with stated formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clean_al.points import exact_sq_distances
from clean_al.pool import Pool


@dataclass(frozen=True)
class SamplingMetrics:
    """Figures about the last batch and about the labels so far.

    Attributes
    ----------
    efficiency : float
        (u_batch - u_pool) / (u_best - u_pool), u being mean uncertainty over the batch, the pool, and the
        equally many most uncertain items: 0 is a random batch, 1 the most uncertain one; nan without a model.
    diversity : float
        Mean distance between two items of the batch over the median distance between two items of the
        pool: 1 is as spread out as the pool; nan before a batch of two.
    label_savings : float or None
        Share of labels saved against random sampling; None while it cannot be known.
    n_labeled : int
        Labels so far.
    n_selected : int
        Items in the last batch.
    """

    efficiency: float
    diversity: float
    label_savings: float | None
    n_labeled: int
    n_selected: int


def batch_efficiency(pool: Pool, rows: np.ndarray) -> float:
    """How uncertain the batch is, between a random batch (0) and the most uncertain one (1)."""
    if not pool.can_rank or len(rows) == 0:
        return float("nan")
    u = pool.uncertainty
    best = np.sort(u)[len(u) - len(rows) :].mean()
    gap = best - u.mean()
    # Where all are equally unsure every batch is the best one.
    return float((u[rows].mean() - u.mean()) / gap) if gap > 1e-12 else 1.0


def batch_diversity(pool: Pool, rows: np.ndarray) -> float:
    """Mean distance within the batch over the pool's median distance."""
    typical = np.sqrt(pool.points.typical_sq(np.random.default_rng(0)))
    if len(rows) < 2 or typical == 0:
        return float("nan")
    # All pairs of 1000 are 8 MB; a batch of a whole pool must not need its square.
    some = pool.points.X[rows[:1000]]
    d = np.sqrt(exact_sq_distances(some, some))
    return float(d[np.triu_indices(len(d), 1)].mean() / typical)
