"""From a strategy to a batch: plain, sequential, diverse or clustered, always without near-copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clean_al.costs import per_cost
from clean_al.duplicates import NearCopies
from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.kmeans import cluster_centers

BATCH_MODES = ("clustered", "diverse", "sequential")
# Farther down the ranking nothing is informative any more: rather a smaller distance than such an item.
DIVERSE_SCAN = 50
DEFAULT_DIVERSITY_THRESHOLD = 0.5


@dataclass(frozen=True)
class BatchPlan:
    """How a batch is put together.

    Parameters
    ----------
    mode : None for the strategy's own way, "sequential" for the highest scores, "diverse" for the highest
        scores at a distance from each other, "clustered" for the highest scores of each cluster in turn
    threshold : least distance between two items of a diverse batch, as a share of the pool's median distance
    n_clusters : number of clusters of a clustered batch
    """

    mode: str | None
    threshold: float
    n_clusters: int


def compose(
    pool: Pool, strategy: Strategy, n: int, plan: BatchPlan, guard: NearCopies, taken: np.ndarray
) -> np.ndarray:
    """n rows of the pool, best first, none of them in taken or a near-copy while others are left."""
    if n == 0:
        return np.empty(0, np.intp)
    # Scores per cost take the place of a batch that is blind to costs.
    rows, by_score = np.empty(0, np.intp), True
    if plan.mode is None and strategy.batch is not None and (pool.costs is None or strategy.weighs_costs):
        rows = _own_batch(pool, strategy, n, guard, taken)
        by_score = pool.can_rank and (strategy.needs_model or strategy.weighs_costs)
    if len(rows) < n and by_score:
        # Copies of one item can fill a whole preselection: the best of all others come then.
        scores = strategy.scores(pool)
        scores = scores if pool.costs is None else per_cost(scores, pool.costs)
        rows = np.append(rows, _by_score(pool, scores, n - len(rows), plan, guard, np.append(taken, rows)))
    return rows if len(rows) == n else guard.complete(rows, n, taken)


def _own_batch(pool: Pool, strategy: Strategy, n: int, guard: NearCopies, taken: np.ndarray) -> np.ndarray:
    """Ask for as many, and once more for twice as many if copies were among them."""
    rows = guard.distinct(strategy.choose(pool, n), n, taken)
    wanted = min(2 * n + len(taken), len(pool))
    # Once only: a batch is not the beginning of a larger one (k-means has other centers), so asking costs all
    # of it again.
    if len(rows) < n and wanted > n:
        more = guard.distinct(strategy.choose(pool, wanted), n - len(rows), np.append(taken, rows))
        rows = np.append(rows, more)
    return rows


def _by_score(
    pool: Pool, scores: np.ndarray, n: int, plan: BatchPlan, guard: NearCopies, taken: np.ndarray
) -> np.ndarray:
    if plan.mode == "diverse":
        return _diverse(pool, scores, n, plan.threshold, guard, taken)
    if plan.mode == "clustered":
        return guard.distinct(_clusters_in_turn(pool, scores, plan.n_clusters), n, taken)
    m = n + len(taken)
    while True:
        rows = guard.distinct(top(scores, m, pool.rng), n, taken)
        if len(rows) == n or m >= len(pool):
            return rows
        # In growing steps: sorting a whole pool for the few rows that are no copies would dominate the call.
        m = min(4 * m, len(pool))


def _diverse(
    pool: Pool, scores: np.ndarray, n: int, threshold: float, guard: NearCopies, taken: np.ndarray
) -> np.ndarray:
    """Walk down the best items, keeping a distance; halve the distance when too few can keep it."""
    ranked = top(scores, max(DIVERSE_SCAN * n, 2048), pool.rng)
    rows = np.empty(0, np.intp)
    for radius in (threshold, threshold / 2, threshold / 4, 0.0):
        used = np.append(taken, rows)
        more = guard.distinct(ranked, n - len(rows), used, radius**2 * guard.typical_sq)
        rows = np.append(rows, more)
        if len(rows) == n:
            break
    return rows


def _clusters_in_turn(pool: Pool, scores: np.ndarray, n_clusters: int) -> np.ndarray:
    """All rows: the best of every cluster first (the better clusters ahead), then the second best, ..."""
    label, _ = pool.points.nearest_center(cluster_centers(pool.points, n_clusters, pool.rng))
    # Equal scores are common before a model has learned much; the first rows of the pool must not win them
    # all.
    tie = pool.rng.random(len(scores))
    order = np.lexsort((tie, -scores, label))
    first = np.searchsorted(label[order], label[order])
    turn = np.arange(len(order)) - first
    return order[np.lexsort((-scores[order], turn))]
