"""TypiClust: the most typical item of each cluster that has no label yet; right when labels are few.

Hacohen, Dekel & Weinshall, Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets,
ICML 2022.
"""

from __future__ import annotations

import numpy as np

from clean_al.points import Points, exact_sq_distances, sq_lengths
from clean_al.pool import Pool, Strategy
from clean_al.strategies.kmeans import cluster_centers

# As the authors' code has it: more clusters than that hold too few items to be typical of anything.
MAX_CLUSTERS = 500
NEIGHBORS = 20
CANDIDATES = 128
REFERENCES = 512


def scores(pool: Pool) -> np.ndarray:
    """Closeness to the middle of the item's own cluster, shape (n,)."""
    k = min(len(pool), MAX_CLUSTERS, _n_seen(pool) + 20)
    return -np.sqrt(pool.points.nearest_center(cluster_centers(pool.points, k, pool.rng))[1])


def batch(pool: Pool, n: int) -> np.ndarray:
    """Typical items, from clusters with few labels and many items first."""
    k = min(len(pool), MAX_CLUSTERS, _n_seen(pool) + n)
    centers = cluster_centers(pool.points, k, pool.rng)
    label, distance = pool.points.nearest_center(centers)
    taken = np.zeros(len(centers), np.intp)
    if pool.seen is not None:
        taken += np.bincount(pool.seen.nearest_center(centers)[0], minlength=len(centers))
    return _rounds(pool, label, distance, taken, n)


def _n_seen(pool: Pool) -> int:
    return 0 if pool.seen is None else len(pool.seen)


def _rounds(pool: Pool, label: np.ndarray, distance: np.ndarray, taken: np.ndarray, n: int) -> np.ndarray:
    """Visit the cluster with the fewest labels (then the most items) and take its most typical item."""
    order = np.lexsort((distance, label))
    size = np.bincount(label, minlength=len(taken))
    starts = np.concatenate([[0], np.cumsum(size)])
    queues: dict[int, np.ndarray] = {}
    used = np.zeros(len(taken), np.intp)
    picks = np.empty(n, np.intp)
    load = taken.astype(np.float64)
    # An empty cluster has the fewest labels of all and nothing to give.
    load[size == 0] = np.inf
    for i in range(n):
        fewest = np.flatnonzero(load == load.min())
        c = int(fewest[np.argmax(size[fewest])])
        if c not in queues:
            queues[c] = _typical_first(pool.points, order[starts[c] : starts[c + 1]], pool.rng)
        picks[i] = queues[c][used[c]]
        used[c] += 1
        load[c] = np.inf if used[c] == size[c] else load[c] + 1
    return picks


def _typical_first(points: Points, members: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Members of one cluster, given nearest to its center first, now the most typical first.

    Only the CANDIDATES nearest to the center compete; their neighbors are searched among REFERENCES members.
    """
    near = members[:CANDIDATES]
    others = members
    if len(members) > REFERENCES:
        # The candidates come first, so that the diagonal below is the distance of each to itself.
        others = np.concatenate([near, rng.choice(members[CANDIDATES:], REFERENCES - CANDIDATES, False)])
    d = np.sqrt(sq_distances_of_first(points, others, len(near)))
    d[np.arange(len(near)), np.arange(len(near))] = 0
    # One more than neighbors: each finds itself, at distance zero.
    k = min(NEIGHBORS + 1, len(others))
    spread = np.partition(d, k - 1, axis=1)[:, :k].sum(axis=1)
    return np.concatenate([near[np.argsort(spread, kind="stable")], members[CANDIDATES:]])


def sq_distances_of_first(points: Points, rows: np.ndarray, n: int) -> np.ndarray:
    """Squared distances of the first n of the rows to all of them, shape (n, len(rows))."""
    if points.is_sparse:  # thousands of dense rows would not be small
        return exact_sq_distances(points.X[rows[:n]], points.X[rows])
    X = points.X[rows]
    # Shifted into the middle of the cluster, float32 is exact enough for means of twenty distances; `Points`
    # would go through float64, which took most of the first batch's time.
    X -= X.mean(axis=0)
    lengths = sq_lengths(X)
    d: np.ndarray = X[:n] @ (-2 * X.T)
    d += lengths[:n, None]
    d += lengths
    return np.maximum(d, 0, out=d)


TYPICLUST = Strategy(scores, batch, needs_model=False)
