"""Uncertainty herding: cover what the model is unsure of; before there is a model, the whole pool.

Bae, Oliveira & Sutherland, Uncertainty Herding: One Active Learning Method for All Label Budgets, ICLR
2025. As published but for two things: the kernel's radius is the median distance from the pool to the
nearest label, where theirs is the smallest one between two labels, which a single pair of near-copies
decides; and there is no temperature, which costs a second fit.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.herding import added, herd, median_gap_sq


def need_of(pool: Pool) -> np.ndarray:
    """How unsure the model is of every item, to the power of uncertainty / diversity; 1 without a model."""
    if not pool.can_rank:
        return np.ones(len(pool))
    weights = pool.options.weights
    # At equal weights as published; without diversity the surest items do not count at all.
    power = weights.uncertainty / weights.diversity if weights.diversity > 0 else np.inf
    return pool.uncertainty ** min(power, 16.0)


def scores(pool: Pool) -> np.ndarray:
    """What each item alone would add to the coverage of what is unsure, shape (n,)."""
    return added(pool, need_of(pool), median_gap_sq(pool))


def batch(pool: Pool, n: int) -> np.ndarray:
    """Greedy picks that cover what is unsure."""
    return herd(pool, n, need_of(pool), median_gap_sq(pool))


UNCERTAINTY_HERDING = Strategy(scores, batch, needs_model=False, obeys_doubt=True, weighs_costs=True)
