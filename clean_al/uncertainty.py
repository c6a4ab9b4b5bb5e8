"""Measures of how unsure a model is, from its class probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Shannon entropy in nats, shape (n,) from (n, n_classes): 0 when sure, log(n_classes) at most.

    Settles & Craven, An Analysis of Active Learning Strategies for Sequence Labeling Tasks, EMNLP 2008.
    """
    return -xlogy(probabilities, probabilities).sum(axis=1)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """One minus the gap between the two most probable classes: 0 when sure, 1 when they tie.

    Scheffer, Decomain & Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001.
    """
    # The second best of one class does not exist: the model cannot be unsure.
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    if probabilities.shape[1] == 2:
        return 1 - np.abs(probabilities[:, 0] - probabilities[:, 1])
    # partition copies a row at a time, which is quick only where rows lie together.
    if probabilities.flags.c_contiguous:
        two = np.partition(probabilities, -2, axis=1)[:, -2:]
        return 1 - (two[:, 1] - two[:, 0])
    first, second = probabilities[:, 0].copy(), np.zeros(len(probabilities), probabilities.dtype)
    for column in probabilities.T[1:]:  # laid out class by class: one pass over each
        np.maximum(second, np.minimum(first, column), out=second)
        np.maximum(first, column, out=first)
    return 1 - (first - second)


def least_confident(probabilities: np.ndarray) -> np.ndarray:
    """One minus the highest probability: 0 when sure, 1 - 1/n_classes at most.

    Lewis & Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994.
    """
    return 1 - probabilities.max(axis=1)


UNCERTAINTY_METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "entropy": entropy,
    "margin": margin,
    "least_confident": least_confident,
}
