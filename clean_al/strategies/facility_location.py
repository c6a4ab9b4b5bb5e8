"""Facility location: every item of the pool gets a similar one in the batch.

Wei, Iyer & Bilmes, Submodularity in Data Subset Selection and Active Learning, ICML 2015; with a Gaussian
similarity it is MaxHerding: Bae, Noh & Sutherland, Generalized Coverage for More Robust Low-Budget Active
Learning, ECCV 2024.
"""

from __future__ import annotations

import numpy as np

from clean_al.points import Points
from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.coreset import CORESET
from clean_al.strategies.coverage import CANDIDATES, cover, greedy_cover, similarities


def batch(pool: Pool, n: int) -> np.ndarray:
    """Greedy picks under a Gaussian similarity, half the pool's median distance wide."""
    # Half of the median distance: at the whole of it nearly everything is similar to everything.
    width_sq = pool.points.typical_sq(np.random.default_rng(0)) / 4 or 1.0
    return cover(pool, n, lambda sq: np.exp(-sq / width_sq))


def facility_picks(
    points: Points, n: int, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """Greedy picks among the heaviest points, each point's need for a similar pick weighed."""
    need = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    rows = top(need, max(CANDIDATES, n), rng)
    block = points.take(rows)
    width_sq = block.typical_sq(np.random.default_rng(0)) / 4 or 1.0
    everyone = np.arange(len(rows))
    similarity = similarities(block, everyone, everyone, lambda sq: np.exp(-sq / width_sq))
    # Need weighs the items to be covered (columns), not those that are picked (rows).
    similarity *= need[rows].astype(similarity.dtype)
    return rows[greedy_cover(similarity, np.zeros(len(rows), similarity.dtype), n)]


FACILITY_LOCATION = Strategy(CORESET.scores, batch, needs_model=False)
