"""k-center (coreset): each pick is the item farthest from everything labeled or picked before.

Sener & Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018.
"""

from __future__ import annotations

import numpy as np

from clean_al.nearness import nearest_seen
from clean_al.points import Points
from clean_al.pool import Pool, Strategy

CANDIDATES = 8192


def scores(pool: Pool) -> np.ndarray:
    """Distance to the nearest labeled item; without labels, closeness to the middle of the pool."""
    if pool.seen is None:
        # Before any label the farthest item would be an outlier: the first center lies in the middle.
        return -pool.points.sq_distances(slice(0, len(pool)), _middle(pool.points)[None])[:, 0]
    return np.sqrt(nearest_seen(pool))


def batch(pool: Pool, n: int) -> np.ndarray:
    """Greedy k-center picks, exactly those of the plain algorithm, in a fraction of its distances."""
    if pool.seen is not None:
        return lazy_k_center(pool.points, nearest_seen(pool), n, pool.rng)
    first = int(np.argmax(scores(pool)))
    nearest = pool.points.sq_distances(slice(0, len(pool)), pool.points.dense([first]))[:, 0]
    nearest[first] = -1
    return np.append(first, lazy_k_center(pool.points, nearest, n - 1, pool.rng)).astype(np.intp)


def _middle(points: Points) -> np.ndarray:
    return np.asarray(points.X.mean(axis=0)).ravel().astype(points.X.dtype)


def lazy_k_center(points: Points, nearest: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n rows by the farthest-first rule, given squared distances to the nearest center so far.

    A point's distance to its nearest center only falls as centers are added, so an old value is an upper
    bound. Only the CANDIDATES points with the largest old values are kept up to date; while the best of
    them beats every old value outside, it is the true farthest point.

    Parameters
    ----------
    nearest : array of shape (n_points,); rows below zero are never picked. Not changed.

    Returns
    -------
    Distinct rows, shape (n,); ties in random order.
    """
    stale = nearest.copy()
    picks: list[int] = []
    while len(picks) < n:
        rows, outside = _largest(stale, rng)
        block = points.take(rows)
        if picks:
            fresh = block.nearest_sq(points.take(picks)).astype(stale.dtype)
            stale[rows] = np.where(stale[rows] < 0, stale[rows], np.minimum(stale[rows], fresh))
        _pick_from(block, rows, stale, outside, picks, n)
    return np.asarray(picks, np.intp)


def _largest(stale: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """The candidates in random order (so that argmax breaks ties at random), and the best value outside."""
    if len(stale) <= CANDIDATES:
        return rng.permutation(len(stale)), -np.inf
    order = np.argpartition(stale, len(stale) - CANDIDATES - 1)
    return rng.permutation(order[-CANDIDATES:]), float(stale[order[-CANDIDATES - 1]])


def _pick_from(
    block: Points, rows: np.ndarray, stale: np.ndarray, outside: float, picks: list[int], n: int
) -> None:
    """Pick from an up-to-date block while its best is surely the best of all; leave its values in stale."""
    current = stale[rows]
    while len(picks) < n:
        best = int(np.argmax(current))
        # Not <=: at a tie the candidate is as far as any item outside can be.
        if current[best] < outside:
            break
        picks.append(int(rows[best]))
        distance = block.sq_distances(slice(0, len(block)), block.dense([best]))[:, 0]
        current = np.where(current < 0, current, np.minimum(current, distance))
        current[best] = -1
    stale[rows] = current


CORESET = Strategy(scores, batch, needs_model=False)
