"""MaxHerding: each pick makes the pool as similar as can be to what is labeled; meant for few labels.

Bae, Noh & Sutherland, Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024.
Without an N x N kernel, as `herding` says.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.herding import added, herd, median_gap_sq


def scores(pool: Pool) -> np.ndarray:
    """What each item alone would add to the coverage of the pool, shape (n,)."""
    return added(pool, np.ones(len(pool)), median_gap_sq(pool))


def batch(pool: Pool, n: int) -> np.ndarray:
    """Greedy picks that cover the pool, whatever the model thinks."""
    return herd(pool, n, np.ones(len(pool)), median_gap_sq(pool))


MAX_HERDING = Strategy(scores, batch, needs_model=False, weighs_costs=True)
