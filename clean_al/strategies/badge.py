"""BADGE: a batch whose loss gradients are long and point in different directions.

Ash, Zhang, Krishnamurthy, Langford & Agarwal, Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds, ICLR 2020. The gradient of item i for its most probable class is the outer product of (p_i - e_i) and
x_i; products of gradients are products of the two factors' products, so the (classes x features) vectors are
never built.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from clean_al.points import blocks, sq_lengths
from clean_al.pool import Pool, Strategy
from clean_al.strategies.lazy_draws import lazy_d2


@dataclass(frozen=True)
class Gradients:
    """Last-layer gradients of every item, kept as factors.

    Attributes
    ----------
    pool : gives X
    residual : array of shape (n, n_classes), p minus the one-hot most probable class
    sq_norms : array of shape (n,)
    """

    pool: Pool
    residual: np.ndarray
    sq_norms: np.ndarray

    def sq_distances(self, rows: np.ndarray | slice, picks: np.ndarray) -> np.ndarray:
        """Squared distances of shape (m, k) between the gradients of rows and of picks."""
        X = self.pool.numbers
        inner = X[rows] @ X[picks].T
        inner = inner.toarray() if sparse.issparse(inner) else inner
        inner = inner * (self.residual[rows] @ self.residual[picks].T)
        inner *= -2
        inner += self.sq_norms[rows][:, None]
        inner += self.sq_norms[picks]
        return np.maximum(inner, 0, out=inner)


def gradients_of(pool: Pool) -> Gradients:
    """The factors of every item's gradient, in the dtype of X: n x n_classes numbers and no more."""
    residual = pool.score_blocks(_residual)
    sq_norms = np.empty(len(pool), pool.numbers.dtype)
    for part in blocks(len(pool)):
        sq_norms[part] = sq_lengths(pool.numbers[part]) * np.einsum(
            "ij,ij->i", residual[part], residual[part]
        )
    return Gradients(pool, residual, sq_norms)


def _residual(probabilities: np.ndarray) -> np.ndarray:
    residual = probabilities.copy()
    residual[np.arange(len(residual)), residual.argmax(axis=1)] -= 1
    return residual


def scores(pool: Pool) -> np.ndarray:
    """Length of every item's gradient, shape (n,)."""
    return np.sqrt(gradients_of(pool).sq_norms)


def batch(pool: Pool, n: int) -> np.ndarray:
    """The longest gradient, then draws with probability proportional to squared distance."""
    gradients = gradients_of(pool)
    # As Ash et al. begin: k-means++ would draw the first one at random.
    first = int(np.argmax(gradients.sq_norms))
    # Uncertainty is in the length of the gradients already: no weights on top.
    mass = np.ones(len(pool), pool.X.dtype)
    return lazy_d2(len(pool), n, first, gradients.sq_distances, pool.rng, mass)


BADGE = Strategy(scores, batch, multilabel=False)
