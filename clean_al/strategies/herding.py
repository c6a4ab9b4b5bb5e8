"""Greedy coverage of what the model is unsure of, under a Gaussian kernel on rows of unit length.

Each pick is the item x that adds the most to sum_z u(z) max(0, K(x, z) - m(z)): u is how unsure the model is
of z, m how similar z is to what is labeled or picked, K(x, z) = exp(-|x - z|^2 / s^2). With u = 1 it is
MaxHerding: Bae, Noh & Sutherland, Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024.

Rows of up to FEW_COLUMNS numbers keep their length: direction alone would leave of a number its sign.

A large pool is looked at through CANDIDATES items to pick from and REFERENCES items that stand for the sum,
both drawn in proportion to u, so there is never an N x N kernel. The mean of R values in [0, 1] is off by
more than e for one of C candidates with a chance below 2 C exp(-2 R e^2) (Hoeffding): by more than 0.043 of
all that a pick could add, in 1 of 1,000 cases. Up to EXACT items the picks are those of the plain algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from clean_al.points import Points, blocks, exact_sq_distances, sq_lengths
from clean_al.pool import Pool
from clean_al.strategies.coverage import greedy_cover, similarities

EXACT = 4096
CANDIDATES = 2048
REFERENCES = 4096
FEW_REFERENCES = 512
RADIUS_ROWS = 2048
FEW_COLUMNS = 3

Space = Callable[[Points, Any], Points]


def herd(pool: Pool, n: int, need: np.ndarray, radius_sq: float, space: Space | None = None) -> np.ndarray:
    """At most n rows, best first: fewer when everything that is needed is covered.

    Where items differ in cost, what a pick adds per cost counts (Leskovec et al., KDD 2007).

    Parameters
    ----------
    need : array of shape (n_pool,), not negative, how much an item wants a similar one among the labels
    radius_sq : squared radius of the kernel
    space : what makes points of some rows of others; None is `space_of` them
    """
    wanted = need if pool.costs is None else need / pool.costs
    candidates = pool.rng.permutation(_candidates(wanted, max(CANDIDATES, n), pool.rng))
    references, weight = _references(need, REFERENCES, pool.rng)
    gains, covered = _similarity(pool, candidates, references, radius_sq, space or space_of(pool.points))
    weight = weight.astype(gains.dtype)
    gains *= weight
    costs = None if pool.costs is None else pool.costs[candidates]
    return candidates[greedy_cover(gains, covered * weight, n, costs)]


def added(pool: Pool, need: np.ndarray, radius_sq: float) -> np.ndarray:
    """What each item alone would add, estimated from FEW_REFERENCES items; shape (n_pool,)."""
    references, weight = _references(need, FEW_REFERENCES, pool.rng)
    result = np.empty(len(pool))
    for part in blocks(len(pool), CANDIDATES):
        rows = np.arange(part.start, part.stop)
        gains, covered = _similarity(pool, rows, references, radius_sq, space_of(pool.points))
        result[rows] = np.maximum(gains - covered, 0) @ weight
    return result


def _similarity(
    pool: Pool, rows: np.ndarray, references: np.ndarray, radius_sq: float, space: Space
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel of rows and references, shape (n_rows, n_references), and of these and what is labeled."""

    def kernel(sq: np.ndarray) -> np.ndarray:
        return np.exp(sq * (-1.0 / radius_sq))

    both = space(pool.points, np.concatenate([rows, references]))
    place = np.arange(len(both))
    gains = similarities(both, place[: len(rows)], place[len(rows) :], kernel)
    covered = np.zeros(len(references), gains.dtype)
    if pool.seen is not None:
        covered = kernel(both.nearest_sq(space(pool.seen, slice(None)), place[len(rows) :])).astype(
            gains.dtype
        )
    return gains, covered


def space_of(points: Points) -> Space:
    """What brings rows to unit length, or leaves those of few columns as they are."""
    return unit if points.X.shape[1] > FEW_COLUMNS else Points.take


def unit(points: Points, rows: Any) -> Points:
    """The points of these rows at unit length; those at zero stay there."""
    X = points.X[rows]
    length = np.sqrt(sq_lengths(X))
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0).astype(X.dtype)
    return Points((sparse.diags(scale) @ X).tocsr() if sparse.issparse(X) else X * scale[:, None])


def _candidates(need: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """At most limit distinct rows, drawn in proportion to need (Efraimidis & Spirakis, 2006)."""
    if len(need) <= max(limit, EXACT):
        return np.arange(len(need))
    keys = rng.exponential(size=len(need)) / np.maximum(need, 1e-12)
    return np.argpartition(keys, limit)[:limit]


def _references(need: np.ndarray, limit: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows and weights, by which a sum over them is that over all items by need; beyond limit, on average."""
    total = float(need.sum())
    if len(need) <= limit or total <= 0:
        rows = np.arange(len(need)) if len(need) <= limit else rng.choice(len(need), limit, replace=False)
        return rows, need[rows]
    drawn = np.searchsorted(np.cumsum(need), rng.random(limit) * total, side="right")
    rows, times = np.unique(np.minimum(drawn, len(need) - 1), return_counts=True)
    return rows, times * (total / limit)


def smallest_gap_sq(pool: Pool) -> float:
    """The least squared distance above zero between two labeled items, as published; 1 without any."""
    if pool.seen is None or len(pool.seen) < 2:
        return 1.0
    rows = np.arange(len(pool.seen))
    if len(rows) > RADIUS_ROWS:
        rows = np.sort(pool.rng.choice(len(rows), RADIUS_ROWS, replace=False))
    X = space_of(pool.seen)(pool.seen, rows).X
    d = exact_sq_distances(X, X)
    apart = d[d > 1e-9]
    return float(apart.min()) if len(apart) else 1.0


def median_gap_sq(pool: Pool, space: Space | None = None) -> float:
    """The median squared distance from an item of the pool to the nearest labeled one.

    Without any it is half the typical one between two items: 1 between directions of many columns.
    """
    space = space or space_of(pool.points)
    if pool.seen is None:
        typical = 2.0 if space is unit else pool.points.typical_sq(np.random.default_rng(0))
        return typical / 2 or 1.0
    rows = np.arange(len(pool))
    if len(rows) > RADIUS_ROWS:
        rows = np.sort(pool.rng.choice(len(rows), RADIUS_ROWS, replace=False))
    middle = float(np.median(space(pool.points, rows).nearest_sq(space(pool.seen, slice(None)))))
    return middle if middle > 1e-9 else 1.0
