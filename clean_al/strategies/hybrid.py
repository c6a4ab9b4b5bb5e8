"""Hybrid: of the items that the model is unsure of, a batch that covers them.

After Zhdanov, Diverse Mini-Batch Active Learning, 2019: preselect by uncertainty, then uncertainty-weighted
k-means. The weights u (uncertainty) and d (diversity) set how many of N items are preselected for n picks:
n * 10^(d/u), but no more than N * 5^(-u/d). When they are equal that is ten times the batch, or the most
uncertain fifth of a small pool, half of which would not be a choice; it is the batch itself at d = 0 (plain
uncertainty sampling), the whole pool at u = 0 (plain diversity sampling).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from clean_al.nearness import nearest_seen
from clean_al.points import Points
from clean_al.pool import Pool, Strategy, spread_out, top
from clean_al.strategies.coreset import lazy_k_center
from clean_al.strategies.determinantal import determinantal_picks
from clean_al.strategies.facility_location import facility_picks
from clean_al.strategies.kmeans import kmeans_picks


def scores(pool: Pool) -> np.ndarray:
    """Weighted mean of uncertainty and of distance to the nearest labeled item, both as ranks in [0, 1]."""
    weights = pool.options.weights
    far = nearest_seen(pool) if pool.seen is not None else np.zeros(len(pool))
    total = weights.uncertainty + weights.diversity or 1.0
    return (weights.uncertainty * _ranks(pool.uncertainty) + weights.diversity * _ranks(far)) / total


def _ranks(values: np.ndarray) -> np.ndarray:
    """Values as ranks from 0 (lowest) to 1 (highest); equal values share a rank."""
    # Ranks, since margins and squared distances share no scale on which to be added.
    _, inverse = np.unique(values, return_inverse=True)
    return inverse / max(inverse.max(initial=0), 1)


def batch(pool: Pool, n: int) -> np.ndarray:
    """Picks that are unsure and spread out; every beginning of the batch is so too."""
    rows = top(pool.value, n_candidates(pool, n), pool.rng)
    if len(rows) <= n:
        return rows
    weight = _mass(pool, rows)
    points = pool.points.take(rows)
    picks = PICKERS[pool.options.diversity_method](points, n, pool.rng, weight)
    if len(picks) == 0:
        return rows[:n]
    return rows[spread_out(points, picks, weight[picks])]


def n_candidates(pool: Pool, n: int) -> int:
    """How many items are preselected by uncertainty."""
    u, d = pool.options.weights.uncertainty, pool.options.weights.diversity
    if d <= 0:
        return n
    # n * 10^9 is beyond any pool, and 10^(d/u) would overflow as u goes to zero.
    if u <= 0 or d / u > 9:
        return len(pool)
    share = len(pool) * 5 ** -(u / d)
    return min(len(pool), max(n, math.ceil(min(n * 10 ** (d / u), share))))


def _mass(pool: Pool, rows: np.ndarray) -> np.ndarray:
    """Uncertainty as a weight; it fades out as the weights turn to plain diversity."""
    u, d = pool.options.weights.uncertainty, pool.options.weights.diversity
    # Not zero: where a model is sure of everything k-means would have no mass to draw by.
    return np.maximum(pool.value[rows], 1e-9) ** min(1.0, u / max(d, 1e-12))


def _coreset_picks(points: Points, n: int, rng: np.random.Generator, weight: np.ndarray) -> np.ndarray:
    # The most unsure one leads: within the preselection distance decides all others.
    first = int(np.argmax(weight))
    nearest = points.sq_distances(slice(0, len(points)), points.dense([first]))[:, 0]
    nearest[first] = -1
    return np.append(first, lazy_k_center(points, nearest, n - 1, rng)).astype(np.intp)


Picker = Callable[[Points, int, np.random.Generator, np.ndarray], np.ndarray]
PICKERS: dict[str, Picker] = {
    "kmeans": kmeans_picks,
    "coreset": _coreset_picks,
    "determinantal": determinantal_picks,
    "facility_location": facility_picks,
}
HYBRID = Strategy(scores, batch, obeys_doubt=True, weighs_costs=True)
