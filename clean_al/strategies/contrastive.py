"""Contrastive active learning (CAL): items that the model judges differently from their labeled neighbors.

Margatina, Vernikos, Barrault & Aletras, Active Learning by Acquiring Contrastive Examples, EMNLP 2021: the
mean Kullback-Leibler divergence from the predictions of the nearest labeled items to the item's own.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from clean_al.learners import class_probabilities
from clean_al.points import Points, blocks, exact_sq_distances
from clean_al.pool import Pool, Strategy

NEIGHBORS = 10
# 1024 rows by 4096 labels are 32 MB of distances; ten neighbors of a sample that large lie hardly farther.
SEEN_ROWS = 4096


def scores(pool: Pool) -> np.ndarray:
    """Mean divergence to the NEIGHBORS nearest labeled items, in nats; shape (n,)."""
    assert pool.labeled is not None
    seen, X = pool.labeled.points, pool.labeled.X
    if len(seen) > SEEN_ROWS:
        kept = np.sort(pool.rng.choice(len(seen), SEEN_ROWS, replace=False))
        seen, X = seen.take(kept), X[kept]
    neighbor_p = class_probabilities(pool.model, X)
    # KL(q || p) = sum q log q - sum q log p: linear in q, so the mean over neighbors needs their mean only.
    negentropy = xlogy(neighbor_p, neighbor_p).sum(axis=1)
    result = np.empty(len(pool))
    for part in blocks(len(pool), 1024):
        nearest = _nearest(pool.points, part, seen)
        # A class at zero would be infinitely surprising, and all such items would tie.
        log_p = np.log(np.maximum(class_probabilities(pool.model, pool.X[part]), 1e-12))
        mean_p = neighbor_p[nearest].mean(axis=1)
        result[part] = negentropy[nearest].mean(axis=1) - np.einsum("ij,ij->i", mean_p, log_p)
    return result


def _nearest(points: Points, rows: slice, seen: Points) -> np.ndarray:
    """The nearest labeled items of each row, shape (m, NEIGHBORS) or fewer columns if fewer are labeled."""
    k = min(NEIGHBORS, len(seen))
    if points.is_sparse and seen.is_sparse:  # thousands of rows made dense would take gigabytes
        d = exact_sq_distances(points.X[rows], seen.X)
    else:
        parts = [points.sq_distances(rows, seen.dense(part)) for part in blocks(len(seen), 1024)]
        d = np.concatenate(parts, axis=1)
    return np.argpartition(d, k - 1, axis=1)[:, :k]


CONTRASTIVE = Strategy(scores, multilabel=False)
