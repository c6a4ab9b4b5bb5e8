"""Distances to what is labeled, kept between calls: a later round only looks at the new labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clean_al.points import Points
from clean_al.pool import Pool
from clean_al.row_keys import row_keys

NAME = "nearest_seen"
# Fewer distances are worked out sooner than all rows are hashed.
WORTH_KEEPING = 1_000_000


@dataclass(frozen=True)
class Nearness:
    """Squared distance of every pool row to the nearest of some labeled items.

    Attributes
    ----------
    keys : uint64 array of shape (n,), the pool's rows
    seen_keys : uint64 array of the labeled items, in the order in which they came
    nearest : array of shape (n,)
    sq_norms : array of shape (n,), valid for the same pool only
    """

    keys: np.ndarray
    seen_keys: np.ndarray
    nearest: np.ndarray
    sq_norms: np.ndarray


def nearest_seen(pool: Pool) -> np.ndarray:
    """Squared distance to the nearest labeled item, shape (n,); infinite without labels. Read only."""
    if pool.seen is None:
        return np.full(len(pool), np.inf, pool.points.X.dtype)
    if len(pool) * len(pool.seen) < WORTH_KEEPING:
        return pool.points.nearest_sq(pool.seen)
    keys, seen_keys = row_keys(pool.points.X), row_keys(pool.seen.X)
    old: Nearness | None = pool.memory.get(NAME)
    if old is not None and not _continues(old, seen_keys, pool.points.X.dtype):
        old = None
    nearest = _full(pool) if old is None else _continued(pool.points, pool.seen, old, keys)
    pool.memory[NAME] = Nearness(keys, seen_keys, nearest, pool.points.sq_norms)
    return nearest


def _full(pool: Pool) -> np.ndarray:
    assert pool.seen is not None
    return pool.points.nearest_sq(pool.seen)


def _continues(old: Nearness, seen_keys: np.ndarray, dtype: np.dtype) -> bool:
    """Whether labels were only added since."""
    n = len(old.seen_keys)
    # A sampler that was fitted anew has other labels: a minimum cannot be taken back, so all begins again.
    return old.nearest.dtype == dtype and n <= len(seen_keys) and np.array_equal(old.seen_keys, seen_keys[:n])


def _continued(points: Points, seen: Points, old: Nearness, keys: np.ndarray) -> np.ndarray:
    """Old distances for rows that were there, new ones for others, and the new labels for all."""
    n_old = len(old.seen_keys)
    if np.array_equal(keys, old.keys):
        # Same rows, same origin, same norms: they cost as much as the distances to one label.
        points.sq_norms = old.sq_norms
        # A copy, as the old array may still be in a caller's hands, and the new labels are worked in by
        # place.
        nearest = old.nearest.copy()
    else:
        nearest = _carried_over(points, seen.take(slice(0, n_old)), old, keys)
    if n_old < len(seen):
        np.minimum(nearest, points.nearest_sq(seen.take(slice(n_old, None))), out=nearest)
    return nearest


def _carried_over(points: Points, seen: Points, old: Nearness, keys: np.ndarray) -> np.ndarray:
    order = np.argsort(old.keys)
    # searchsorted gives len(order) for a key above all; the comparison below then tells that it is unknown.
    place = np.minimum(np.searchsorted(old.keys, keys, sorter=order), len(order) - 1)
    nearest = old.nearest[order[place]]
    unknown = np.flatnonzero(old.keys[order[place]] != keys)
    if len(unknown):
        nearest[unknown] = points.nearest_sq(seen, unknown)
    return nearest
