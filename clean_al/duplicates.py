"""The guard against wasted labels: no near-copies in a batch, none of what is labeled already."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from clean_al.nearness import nearest_seen
from clean_al.points import blocks, exact_sq_distances
from clean_al.pool import Pool
from clean_al.strategies.coreset import lazy_k_center

# A chunk is compared with itself, CHUNK^2 distances: most batches are filled by the first one.
CHUNK = 256


class NearCopies:
    """Tells items apart that are farther from each other than a share of the pool's typical distance.

    Parameters
    ----------
    pool : the items; what it has seen counts too
    threshold : share of the median distance between two items of the pool; 0 lets everything pass

    Attributes
    ----------
    typical_sq : float, median squared distance between two items of the pool, of two different ones where
        most are copies of each other
    radius_sq : float, items nearer than this are copies
    """

    def __init__(self, pool: Pool, threshold: float):
        self.pool = pool
        # A seed of its own: what counts as a copy must not change from call to call, nor use up the pool's
        # randomness.
        self.typical_sq = pool.points.typical_sq(np.random.default_rng(0))
        self.radius_sq = threshold**2 * self.typical_sq

    def distinct(
        self, ranked: np.ndarray, n: int, taken: np.ndarray, radius_sq: float | None = None
    ) -> np.ndarray:
        """The first n rows of a ranking that are no near-copies of taken, seen, or earlier rows."""
        radius = self.radius_sq if radius_sq is None else max(radius_sq, self.radius_sq)
        rows = np.asarray(taken, np.intp)
        for part in blocks(len(ranked), max(CHUNK, n)):
            if len(rows) - len(taken) >= n:
                break
            chunk = ranked[part]
            # A row is no neighbor of itself at radius 0, so rows that are taken must go by number.
            chunk = chunk[~np.isin(chunk, rows)]
            chunk = chunk[~self._close_to_seen(chunk)]
            rows = self._walk(chunk, rows, n + len(taken), radius)
        return rows[len(taken) :]

    def _walk(self, chunk: np.ndarray, rows: np.ndarray, n: int, radius_sq: float) -> np.ndarray:
        if len(chunk) == 0 or radius_sq <= 0:
            return np.append(rows, chunk[: n - len(rows)])
        X = self.pool.points.X
        blocked: Any = np.zeros(len(chunk), bool)
        if len(rows):
            # Exact ones: near zero, the quick float32 distances of `Points` are rounding noise.
            blocked = (exact_sq_distances(X[chunk], X[rows]) <= radius_sq).any(axis=1)
        close = exact_sq_distances(X[chunk], X[chunk]) <= radius_sq
        new: list[int] = []
        for i in range(len(chunk)):
            if not blocked[i] and len(rows) + len(new) < n:
                new.append(int(chunk[i]))
                blocked |= close[i]
        return np.append(rows, np.asarray(new, np.intp))

    def _close_to_seen(self, chunk: np.ndarray) -> np.ndarray:
        close = np.zeros(len(chunk), bool)
        seen = self.pool.seen
        if seen is None or self.radius_sq <= 0 or len(chunk) == 0:
            return close
        some = self.pool.points.X[chunk]
        for part in blocks(len(seen), 1024):
            d = exact_sq_distances(some, _in_format_of(some, seen.X[part]))
            close |= (d <= self.radius_sq).any(axis=1)
        return close

    def complete(self, rows: np.ndarray, n: int, taken: np.ndarray) -> np.ndarray:
        """Fill rows up to n with the items farthest from all others: copies come last, but they come."""
        points = self.pool.points
        nearest = nearest_seen(self.pool).copy()
        used = np.concatenate([taken, rows]).astype(np.intp)
        if len(used):
            nearest = np.minimum(nearest, points.nearest_sq(points.take(used)))
            # Below zero means never: a copy of it, at distance 0, can still be picked.
            nearest[used] = -1
        return np.append(rows, lazy_k_center(points, nearest, n - len(rows), self.pool.rng))


def _in_format_of(some: Any, other: Any) -> Any:
    """The other rows as sparse or as dense as some."""
    if sparse.issparse(some) == sparse.issparse(other):
        return other
    return other.toarray() if sparse.issparse(other) else sparse.csr_matrix(other)
