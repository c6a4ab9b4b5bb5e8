"""k-means diversity: one item from the middle of each of n clusters.

Nguyen & Smeulders, Active Learning Using Pre-clustering, ICML 2004.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from clean_al.points import Points
from clean_al.pool import Pool, Strategy
from clean_al.strategies.coreset import lazy_k_center
from clean_al.strategies.lazy_draws import lazy_d2

SAMPLE_PER_CLUSTER = 128
LEAST_PER_CLUSTER = 32
SAMPLE = 16_384
ITERATIONS = 12


def scores(pool: Pool) -> np.ndarray:
    """Closeness to the nearest of 10 cluster centers, minus the distance to it."""
    centers = cluster_centers(pool.points, min(10, len(pool)), pool.rng)
    return -np.sqrt(pool.points.nearest_center(centers)[1])


def batch(pool: Pool, n: int) -> np.ndarray:
    """The item nearest to each of n centers, large clusters first."""
    return kmeans_picks(pool.points, n, pool.rng)


def kmeans_picks(
    points: Points, n: int, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return n distinct rows near the n centers of (weighted) k-means, heaviest cluster first.

    Clusters that collapsed onto others leave places open; the farthest remaining items fill them.
    """
    n = min(n, len(points))
    centers = cluster_centers(points, n, rng, weights)
    label, distance = points.nearest_center(centers)
    mass = np.bincount(label, weights, minlength=len(centers))
    order = np.lexsort((distance, label))
    first = order[np.unique(label[order], return_index=True)[1]]
    rows = first[np.argsort(-mass[label[first]], kind="stable")]
    return rows if len(rows) == n else _filled_up(points, rows, n, rng)


def _filled_up(points: Points, rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    nearest = points.nearest_sq(points.take(rows))
    nearest[rows] = -1
    return np.append(rows, lazy_k_center(points, nearest, n - len(rows), rng))


def cluster_centers(
    points: Points, k: int, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """Centers of (weighted) k-means, shape (k, d): k-means++ seeds and Lloyd steps on a sample.

    Lloyd, Least Squares Quantization in PCM, 1982; Arthur & Vassilvitskii, k-means++, SODA 2007. The sample
    has SAMPLE_PER_CLUSTER points per cluster, fewer when there are many clusters; more barely moves them.
    """
    size = max(min(SAMPLE_PER_CLUSTER * k, SAMPLE), LEAST_PER_CLUSTER * k, 1024)
    rows = np.arange(len(points))
    if size < len(points):
        rows = np.sort(rng.choice(len(points), size, replace=False))
        points = points.take(rows)
    mass = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)[rows]
    centers = points.dense(_plus_plus(points, mass, k, rng))
    for _ in range(ITERATIONS):
        label, _ = points.nearest_center(centers)
        moved = _means(points, label, mass, centers)
        if np.allclose(moved, centers, rtol=1e-4, atol=1e-6):
            break
        centers = moved
    return centers


def _plus_plus(points: Points, mass: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """k distinct rows, each drawn with probability mass x squared distance to those before."""
    first = int(rng.choice(len(points), p=mass / mass.sum()))

    def sq_distances(rows: np.ndarray | slice, picks: np.ndarray) -> np.ndarray:
        return points.sq_distances(rows, points.dense(picks))

    rows = lazy_d2(len(points), k, first, sq_distances, rng, mass)
    # D-squared draws end early among copies: other rows stand in, for k centers are promised.
    spare = np.setdiff1d(np.arange(len(points)), rows)
    return np.append(rows, rng.permutation(spare)[: k - len(rows)])


def _means(points: Points, label: np.ndarray, mass: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The weighted mean of each cluster; an empty cluster stays where it was."""
    k, n = len(centers), len(points)
    # A sparse product adds rows up by cluster in one pass; np.add.at takes them one by one.
    member = sparse.csr_matrix((mass.astype(points.X.dtype), (label, np.arange(n))), shape=(k, n))
    sums = member @ points.X
    sums = sums.toarray() if sparse.issparse(sums) else sums
    total = np.bincount(label, mass, minlength=k)
    return np.where(total[:, None] > 0, sums / np.maximum(total, 1e-300)[:, None], centers).astype(
        points.X.dtype
    )


KMEANS = Strategy(scores, batch, needs_model=False)
