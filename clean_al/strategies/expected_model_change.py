"""Expected model change: items whose label, whatever it turns out to be, would move the model most.

Settles, Craven & Ray, Multiple-Instance Active Learning, NIPS 2007 (expected gradient length). For logistic
regression with cross-entropy the gradient for label y is the outer product of (p - e_y) and (x, 1), so its
length is known in closed form: |p - e_y| * |(x, 1)| with |p - e_y|^2 = |p|^2 - 2 p_y + 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clean_al.points import blocks, sq_lengths
from clean_al.pool import Pool, Strategy


def _lengths(p: np.ndarray) -> np.ndarray:
    """Length of p - e_y for every label y, shape (n, n_classes)."""
    sq = np.einsum("ij,ij->i", p, p)[:, None] - 2 * p + 1
    # A sure model leaves (1 - 1)^2, which rounding can put below zero.
    return np.sqrt(np.maximum(sq, 0))


def empirical(p: np.ndarray) -> np.ndarray:
    """Mean over the labels that the model thinks possible, weighted by its probabilities."""
    return np.einsum("ij,ij->i", p, _lengths(p))


def predicted(p: np.ndarray) -> np.ndarray:
    """The length for the most probable label: the least change that can be expected."""
    return _lengths(p).min(axis=1)


def root_mean_square(p: np.ndarray) -> np.ndarray:
    """Square root of the expected squared length: sqrt(1 - |p|^2), the trace of the Fisher information."""
    return np.sqrt(np.maximum(1 - np.einsum("ij,ij->i", p, p), 0))


GRADIENT_METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "empirical": empirical,
    "predicted": predicted,
    "root_mean_square": root_mean_square,
}


def scores(pool: Pool) -> np.ndarray:
    """Expected gradient length, shape (n,)."""
    return pool.score_blocks(GRADIENT_METHODS[pool.options.gradient_method]) * _input_lengths(pool)


def _input_lengths(pool: Pool) -> np.ndarray:
    lengths = np.empty(len(pool))
    for part in blocks(len(pool)):
        # The 1 is the intercept's constant feature.
        lengths[part] = np.sqrt(sq_lengths(pool.numbers[part]) + 1.0)
    return lengths


EXPECTED_MODEL_CHANGE = Strategy(scores, multilabel=False)
