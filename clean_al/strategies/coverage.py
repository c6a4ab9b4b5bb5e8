"""Greedy maximum coverage: picks whose similarity to all other items adds the most, lazily evaluated.

Minoux, Accelerated Greedy Algorithms for Maximizing Submodular Set Functions, 1978. The pool is looked at
through at most CANDIDATES items to pick from and REFERENCES items to cover, both random beyond that, so that
memory stays at CANDIDATES x REFERENCES numbers (64 MB in float32) whatever the pool.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from clean_al.points import blocks
from clean_al.pool import Pool

CANDIDATES = 4096
REFERENCES = 4096

Similarity = Callable[[np.ndarray], np.ndarray]


def cover(pool: Pool, n: int, similarity: Similarity) -> np.ndarray:
    """Rows in greedy order; what is labeled covers already.

    Parameters
    ----------
    similarity : function of squared distances giving values in [0, 1], falling with distance
    """
    candidates = _some(pool, max(CANDIDATES, n))
    references = _some(pool, REFERENCES)
    targets = pool.points.dense(references)
    gains = np.concatenate(
        [
            similarity(pool.points.sq_distances(candidates[part], targets))
            for part in blocks(len(candidates), 512)
        ]
    ).astype(pool.points.X.dtype)
    covered = np.zeros(len(references), gains.dtype)
    if pool.seen is not None:
        covered = similarity(pool.points.nearest_sq(pool.seen, references)).astype(gains.dtype)
    return candidates[greedy_cover(gains, covered, n)]


def _some(pool: Pool, limit: int) -> np.ndarray:
    if len(pool) <= limit:
        return np.arange(len(pool))
    return np.sort(pool.rng.choice(len(pool), limit, replace=False))


def greedy_cover(similarity: np.ndarray, covered: np.ndarray, n: int) -> np.ndarray:
    """Return n candidates, each adding the most to the sum of the references' best similarities.

    A candidate's gain only falls as others are picked, so only the one with the largest old gain needs to be
    evaluated anew; the picks are those of the plain greedy algorithm.

    Parameters
    ----------
    similarity : array of shape (n_candidates, n_references)
    covered : array of shape (n_references,), best similarity before any pick; not changed
    """
    covered = covered.copy()
    gain = np.maximum(similarity - covered, 0).sum(axis=1, dtype=np.float64)
    heap = [(-g, i) for i, g in enumerate(gain)]
    heapq.heapify(heap)
    picks: list[int] = []
    while heap and len(picks) < n:
        _, i = heapq.heappop(heap)
        fresh = float(np.maximum(similarity[i] - covered, 0).sum(dtype=np.float64))
        if heap and -fresh > heap[0][0]:
            heapq.heappush(heap, (-fresh, i))
            continue
        picks.append(i)
        np.maximum(covered, similarity[i], out=covered)
    return np.asarray(picks, np.intp)
