"""The default: typical items until two classes are known, then the coverage of what the model is unsure of.

Its parts are `typiclust` (Hacohen, Dekel & Weinshall, ICML 2022) and `uncertainty_herding` (Bae, Oliveira &
Sutherland, ICLR 2025). Where the labels so far do not follow the features, a share of the batch is drawn at
random instead, as `harm_guard` says: there every choice is worse than none. Chosen of 23 candidates by
`benchmarks/strategy_choice.py`.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.harm_guard import partly_random, random_share
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty_herding import UNCERTAINTY_HERDING


def _stage(pool: Pool) -> Strategy:
    return UNCERTAINTY_HERDING if pool.can_rank else TYPICLUST


def scores(pool: Pool) -> np.ndarray:
    """The scores of the strategy that fits the moment."""
    return _stage(pool).scores(pool)


def batch(pool: Pool, n: int) -> np.ndarray:
    """A batch of the strategy that fits the moment, as far as labels follow the features."""
    # A doubt from outside says what is wanted: it is not for us to overrule it.
    share = random_share(pool) if pool.doubt is None else 0.0
    if share >= 1:
        return pool.rng.permutation(len(pool))[:n]
    rows = _stage(pool).choose(pool, n)
    return partly_random(pool, rows, n, share) if share else rows


AUTO = Strategy(scores, batch, needs_model=False, obeys_doubt=True, weighs_costs=True)
