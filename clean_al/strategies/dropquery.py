"""DropQuery: items whose predicted label changes when features are dropped, one from each of n clusters.

Gupte, Aklilu, Nirschl & Yeung-Levy, Revisiting Active Learning in the Era of Vision Foundation Models, TMLR
2024: three predictions with three quarters of the features dropped; where most of them differ from the
prediction on all features, an item is a candidate. Meant for embeddings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from clean_al.learners import class_probabilities
from clean_al.points import blocks
from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.kmeans import kmeans_picks

PREDICTIONS = 3
DROPPED = 0.75


def flips(pool: Pool) -> np.ndarray:
    """How many of PREDICTIONS with dropped features differ from the one without, shape (n,)."""
    result = np.zeros(len(pool), np.intp)
    for part in blocks(len(pool)):
        X = pool.X[part]
        whole = class_probabilities(pool.model, X).argmax(axis=1)
        for _ in range(PREDICTIONS):
            result[part] += class_probabilities(pool.model, _dropped(X, pool.rng)).argmax(axis=1) != whole
    return result


def _dropped(X: Any, rng: np.random.Generator) -> Any:
    """A copy with a random DROPPED share of its numbers at zero, the others larger for it."""
    values = X.data if sparse.issparse(X) else X
    # Larger by 1 / (1 - DROPPED), as dropout does: else every logit shrinks and the intercept alone decides.
    kept = (rng.random(values.shape) >= DROPPED).astype(X.dtype) / (1 - DROPPED)
    if not sparse.issparse(X):
        return X * kept
    copy = X.copy()
    copy.data = copy.data * kept
    return copy


def scores(pool: Pool) -> np.ndarray:
    """Predictions that flip, and within equal numbers of them uncertainty; shape (n,)."""
    # Half of a measure within [0, 1] never outweighs one flip.
    return flips(pool) + 0.5 * pool.uncertainty


def batch(pool: Pool, n: int) -> np.ndarray:
    """The candidate nearest to each of n centers of them; the most unsure where they are too few."""
    candidates = np.flatnonzero(flips(pool) > PREDICTIONS / 2)
    if len(candidates) > n:
        return candidates[kmeans_picks(pool.points.take(candidates), n, pool.rng)]
    others = np.setdiff1d(np.arange(len(pool)), candidates)
    return np.append(candidates, others[top(pool.uncertainty[others], n - len(candidates), pool.rng)])


DROPQUERY = Strategy(scores, batch, multilabel=False)
