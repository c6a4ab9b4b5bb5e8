"""The default: typical items until two classes are known, then the hybrid of margin and diversity.

That few labels ask for typical items and many for uncertain ones: Hacohen, Dekel & Weinshall, Active Learning
on a Budget: Opposite Strategies Suit High and Low Budgets, ICML 2022. Its parts are `typiclust` and `hybrid`.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.typiclust import TYPICLUST


def _stage(pool: Pool) -> Strategy:
    return HYBRID if pool.can_rank else TYPICLUST


def scores(pool: Pool) -> np.ndarray:
    """The scores of the strategy that fits the moment."""
    return _stage(pool).scores(pool)


def batch(pool: Pool, n: int) -> np.ndarray:
    """A batch of the strategy that fits the moment."""
    return _stage(pool).choose(pool, n)


AUTO = Strategy(scores, batch, needs_model=False, obeys_doubt=True, weighs_costs=True)
