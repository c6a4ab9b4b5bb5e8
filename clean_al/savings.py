"""How many labels random sampling would have needed, from the share of labels that was drawn at random.

A learning curve a - b * n^-c (Cortes, Jackel, Solla, Vapnik & Denker, Learning Curves, NIPS 1993) is fitted
to models trained on the uniformly drawn labels alone, and followed to the accuracy of the model of today.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from clean_al.labeled import Labeled
from clean_al.learners import fitted

LEAST_UNIFORM = 20
REPEATS = 16
EXPONENTS = np.linspace(0.25, 1.25, 9)
HORIZON = 20


class LabelSavings(float):
    """Share of labels saved against random sampling: 0.4 means that random needs 1 / 0.6 times as many.

    Attributes
    ----------
    low, high : float
        Ends of the interval.
    target : float
        The accuracy that both reach, between 0 and 1.
    n_labeled : int
        Labels spent.
    n_random : float
        Labels that random sampling would need; infinite if not reached.
    reached : bool
        False if random sampling is not expected to get there within 20 times the labels: then the value is
        a lower bound.
    """

    low: float
    high: float
    target: float
    n_labeled: int
    n_random: float
    reached: bool

    def __new__(
        cls, value: float, low: float, high: float, target: float, n_labeled: int, n_random: float
    ) -> LabelSavings:
        self = super().__new__(cls, value)
        self.low, self.high, self.target = low, high, target
        self.n_labeled, self.n_random = n_labeled, n_random
        self.reached = bool(np.isfinite(n_random))
        return self

    def __getnewargs__(self) -> tuple[float, float, float, float, int, float]:  # type: ignore[override]
        return float(self), self.low, self.high, self.target, self.n_labeled, self.n_random

    def __repr__(self) -> str:
        more = "" if self.reached else ", not reached by random"
        return f"LabelSavings({float(self):.3f}, {self.low:.3f} to {self.high:.3f}{more})"


def label_savings(
    model: Any, labeled: Labeled, target: float, *, confidence: float = 0.9, seed: int = 0
) -> LabelSavings | None:
    """Compare the labels spent with those that random sampling would need for the same accuracy.

    Parameters
    ----------
    model : classifier; clones of it are fitted on uniformly drawn labels, about 80 small ones
    labeled : all labels, `labeled.uniform` marking those drawn uniformly at random
    target : the accuracy reached, between 0 and 1

    Returns
    -------
    LabelSavings, exactly 0 if every label was drawn at random; None with fewer than LEAST_UNIFORM of them, a
    single class among them, or an unknown target.
    """
    n, uniform = len(labeled.y), np.flatnonzero(labeled.uniform)
    if labeled.multilabel or len(labeled.classes) < 2:
        return None
    if len(uniform) == n:
        return LabelSavings(0.0, 0.0, 0.0, target, n, float(n))
    if not np.isfinite(target):
        return None
    if len(uniform) < LEAST_UNIFORM or len(np.unique(labeled.y[uniform])) < 2:
        return None
    rng = np.random.default_rng(seed)
    sizes = np.unique(np.geomspace(max(5, len(uniform) // 8), 0.7 * len(uniform), 5).astype(int))
    curves = [_curve(model, labeled, uniform, sizes, rng) for _ in range(REPEATS)]
    needed = np.array(
        [_labels_to_reach(sizes, curve, target, HORIZON * n) for curve in _averaged(curves, rng)]
    )
    saved = 1 - n / np.minimum(needed, HORIZON * n)
    middle = float(np.median(needed))
    low, high = np.quantile(saved, [(1 - confidence) / 2, (1 + confidence) / 2])
    return LabelSavings(float(np.median(saved)), float(low), float(high), target, n, middle)


def _curve(model: Any, labeled: Labeled, uniform: np.ndarray, sizes: np.ndarray, rng: Any) -> np.ndarray:
    """Accuracy of models trained on the first of a random order of the uniform labels, tested on the last."""
    order = rng.permutation(uniform)
    test = order[sizes[-1] :]
    result = np.empty(len(sizes))
    for i, size in enumerate(sizes):
        train = order[:size]
        classes = np.unique(labeled.y[train])
        if len(classes) < 2:
            result[i] = np.mean(labeled.y[test] == classes[0])
        else:
            refit = fitted(clone(model), labeled.X[train], labeled.y[train])
            result[i] = np.mean(refit.predict(labeled.X[test]) == labeled.y[test])
    return result


def _averaged(curves: list[np.ndarray], rng: Any) -> list[np.ndarray]:
    """Means of as many curves as are independent of each other: a test share of 0.3 gives about three."""
    return [np.mean([curves[i] for i in rng.integers(len(curves), size=4)], axis=0) for _ in range(200)]


def _labels_to_reach(sizes: np.ndarray, accuracy: np.ndarray, target: float, limit: float) -> float:
    """Where the best fitting a - b n^-c meets the target; infinite beyond the limit."""
    best, n = np.inf, np.inf
    for c in EXPONENTS:
        basis = np.column_stack([np.ones(len(sizes)), -(sizes.astype(float) ** -c)])
        (a, b), *_ = np.linalg.lstsq(basis, accuracy, rcond=None)
        a, b = min(a, 1.0), max(b, 1e-9)
        error = float(((basis @ [a, b] - accuracy) ** 2).sum())
        if error < best:
            best = error
            n = (b / (a - target)) ** (1 / c) if a > target else np.inf
    return float(n) if n <= limit else np.inf
