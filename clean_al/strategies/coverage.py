"""Greedy maximum coverage: picks whose similarity to all other items adds the most, lazily evaluated.

Minoux, Accelerated Greedy Algorithms for Maximizing Submodular Set Functions, 1978. The pool is looked at
through at most CANDIDATES items to pick from and REFERENCES items to cover, both random beyond that, so that
memory stays at CANDIDATES x REFERENCES numbers (64 MB in float32) whatever the pool. Ties go to the first of
the candidates, which stand in random order; the batch ends early when everything is covered.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from clean_al.points import Points, blocks, exact_sq_distances
from clean_al.pool import Pool

CANDIDATES = 4096
REFERENCES = 4096

Similarity = Callable[[np.ndarray], np.ndarray]


def cover(pool: Pool, n: int, similarity: Similarity) -> np.ndarray:
    """At most n rows in greedy order; what is labeled covers already.

    Parameters
    ----------
    similarity : function of squared distances giving values in [0, 1], falling with distance
    """
    # Shuffled, for ties go to the first: rows in the order of a file would favor its beginning.
    candidates = pool.rng.permutation(_some(pool, max(CANDIDATES, n)))
    references = _some(pool, REFERENCES)
    gains = similarities(pool.points, candidates, references, similarity)
    covered = np.zeros(len(references), gains.dtype)
    if pool.seen is not None:
        covered = similarity(pool.points.nearest_sq(pool.seen, references)).astype(gains.dtype)
    return candidates[greedy_cover(gains, covered, n)]


def similarities(points: Points, rows: np.ndarray, others: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Similarity of some points to others, shape (len(rows), len(others)), in the dtype of the points."""
    result = np.empty((len(rows), len(others)), points.X.dtype)
    # Sparse rows stay sparse: thousands of them made dense would take gigabytes.
    far = points.X[others] if points.is_sparse else points.ready(points.X[others])
    for part in blocks(len(rows), 512):
        if points.is_sparse:
            result[part] = similarity(exact_sq_distances(points.X[rows[part]], far))
        else:
            result[part] = similarity(points.sq_distances(rows[part], far))
    return result


def _some(pool: Pool, limit: int) -> np.ndarray:
    if len(pool) <= limit:
        return np.arange(len(pool))
    return np.sort(pool.rng.choice(len(pool), limit, replace=False))


def greedy_cover(
    similarity: np.ndarray, covered: np.ndarray, n: int, costs: np.ndarray | None = None
) -> np.ndarray:
    """Return n candidates, each adding the most to the sum of the references' best similarities.

    A candidate's gain only falls as others are picked, so only the one with the largest old gain needs to be
    evaluated anew; the picks are those of the plain greedy algorithm. Fewer than n come back when no other
    would add anything.

    Parameters
    ----------
    similarity : array of shape (n_candidates, n_references)
    covered : array of shape (n_references,), best similarity before any pick; not changed
    costs : array of shape (n_candidates,), above zero: what is added per cost counts then
    """
    covered = covered.copy()
    price = np.ones(len(similarity)) if costs is None else costs
    gain = np.empty(len(similarity))
    for part in blocks(len(similarity), 512):
        # By parts, or the difference would be a second array of 64 MB.
        gain[part] = np.maximum(similarity[part] - covered, 0).sum(axis=1, dtype=np.float64)
    heap = [(-g, i) for i, g in enumerate((gain / price).tolist())]
    heapq.heapify(heap)
    picks: list[int] = []
    while heap and len(picks) < n:
        _, i = heapq.heappop(heap)
        # In float64: sums of 4096 float32 that differ in their last bits would swap the picks.
        fresh = float(np.maximum(similarity[i] - covered, 0).sum(dtype=np.float64) / price[i])
        if heap and -fresh > heap[0][0]:
            heapq.heappush(heap, (-fresh, i))
            continue
        if fresh <= 0:
            break
        picks.append(i)
        np.maximum(covered, similarity[i], out=covered)
    return np.asarray(picks, np.intp)
