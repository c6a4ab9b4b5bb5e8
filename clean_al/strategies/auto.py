"""The default: typical items while labels are few, then the hybrid of margin and diversity."""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.typiclust import TYPICLUST


def _stage(pool: Pool) -> Strategy:
    return TYPICLUST if pool.model is None else HYBRID


def scores(pool: Pool) -> np.ndarray:
    """The scores of the strategy that fits the moment."""
    return _stage(pool).scores(pool)


def batch(pool: Pool, n: int) -> np.ndarray:
    """A batch of the strategy that fits the moment."""
    return _stage(pool).choose(pool, n)


AUTO = Strategy(scores, batch, needs_model=False, weighs_costs=True)
