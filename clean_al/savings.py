"""How many labels random sampling would have needed, from the share of labels that was drawn at random.

Curves a - b * n^-c (Cortes, Jackel, Solla, Vapnik & Denker, Learning Curves, NIPS 1993) are fitted to models
trained on the uniformly drawn labels alone, and followed to the accuracy of the model of today. A few
dozen labels fit many curves equally well, so none is chosen: each counts as much as it is likely, and the
interval holds what they say together with the doubt about today's accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from clean_al.fitting import TooFewLabels, fitted, predicted
from clean_al.labeled import Labeled

# The test share of 0.3 then is six items, below which a curve is no curve.
LEAST_UNIFORM = 20
REPEATS = 16
DRAWS = 200
EXPONENTS = np.linspace(0.25, 1.25, 9)
# Where the curve ends, between the target (random sampling gets there at last) and no errors at all.
ENDS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
# No curve a - b * n^-c reaches an accuracy of 1 with finite n.
HIGHEST = 0.999
HORIZON = 20


@dataclass(frozen=True)
class LearningCurve:
    """A learning curve, end - b * n^-exponent."""

    end: float
    b: float
    exponent: float

    def at(self, labels: np.ndarray) -> np.ndarray:
        """Return the accuracy with these numbers of labels."""
        return np.asarray(np.clip(self.end - self.b * labels.astype(float) ** -self.exponent, 0, 1))

    def labels_to(self, target: float) -> float:
        """Return how many labels it takes to an accuracy; infinite where the curve does not get there."""
        room = self.end - target
        return float((self.b / room) ** (1 / self.exponent)) if room > 0 else np.inf


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
    curves : sequence of `LearningCurve`
        Those of random sampling that fit the uniform labels, each as often as it is likely.
    """

    low: float
    high: float
    target: float
    n_labeled: int
    n_random: float
    reached: bool
    curves: Sequence[LearningCurve]

    def __new__(
        cls, value: float, low: float, high: float, target: float, n_labeled: int, n_random: float
    ) -> LabelSavings:
        self = super().__new__(cls, value)
        self.low, self.high, self.target = low, high, target
        self.n_labeled, self.n_random = n_labeled, n_random
        self.reached = bool(np.isfinite(n_random))
        self.curves = ()
        return self

    def random_accuracy(self, labels: Any, confidence: float = 0.9) -> np.ndarray:
        """Return what random sampling is estimated to reach with these numbers of labels.

        Returns
        -------
        array of shape (n, 3): the accuracy and the ends of its interval; nan where all labels are random
        """
        wanted = np.asarray(labels, dtype=float)
        if not self.curves:
            return np.full((len(wanted), 3), np.nan)
        tail = (1 - confidence) / 2
        table = np.vstack([curve.at(wanted) for curve in self.curves])
        return np.quantile(table, [0.5, tail, 1 - tail], axis=0).T

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
    target : the accuracy reached, between 0 and 1; the doubt of an `AccuracyEstimate` widens the interval
    confidence : nominal coverage of the interval

    Returns
    -------
    LabelSavings, exactly 0 if every label was drawn at random; None with fewer than LEAST_UNIFORM of them, a
    single class among them, or an unknown target.
    """
    n, uniform = len(labeled.y), np.flatnonzero(labeled.uniform)
    if labeled.multilabel or len(labeled.classes) < 2:
        return None
    # Exactly none saved, whatever the target: random sampling was compared with itself.
    if len(uniform) == n:
        return LabelSavings(0.0, 0.0, 0.0, target, n, float(n))
    if not np.isfinite(target):
        return None
    if len(uniform) < LEAST_UNIFORM or len(np.unique(labeled.y[uniform])) < 2:
        return None
    rng = np.random.default_rng(seed)
    # At least 5 labels, or the curve begins with a coin toss; the last 0.3 are for testing at every size.
    sizes = np.unique(np.geomspace(max(5, len(uniform) // 8), 0.7 * len(uniform), 5).astype(int))
    curves = [_curve(model, labeled, uniform, sizes, rng) for _ in range(REPEATS)]
    draws = list(zip(_averaged(curves, rng), _targets(target, rng), strict=True))
    n_test = len(uniform) - int(sizes[-1])
    likely = [_likely_curve(sizes, curve, to, n_test, rng) for curve, to in draws]
    needed = np.array([curve.labels_to(to) for curve, (_, to) in zip(likely, draws, strict=True)])
    # Between the sizes tried the curve is known, below them it is not: random needs no fewer.
    needed = np.where(needed > HORIZON * n, np.inf, np.maximum(needed, sizes[0]))
    saved = 1 - n / np.minimum(needed, HORIZON * n)
    low, high = np.quantile(saved, [(1 - confidence) / 2, (1 + confidence) / 2])
    # A value that was drawn: interpolating between a number and infinity would give nan or infinity.
    middle = float(np.quantile(needed, 0.5, method="inverted_cdf"))
    value = float(1 - n / min(middle, HORIZON * n))
    found = LabelSavings(value, float(low), float(high), float(target), n, middle)
    found.curves = likely
    return found


def _targets(target: float, rng: Any) -> np.ndarray:
    """Accuracies that today's may truly be."""
    doubt = float(getattr(target, "standard_error", 0.0))
    return np.minimum(target + doubt * rng.standard_t(5, DRAWS), max(float(target), HIGHEST))


def _curve(model: Any, labeled: Labeled, uniform: np.ndarray, sizes: np.ndarray, rng: Any) -> np.ndarray:
    """Accuracy of models trained on the first of a random order of the uniform labels, tested on the last."""
    order = rng.permutation(uniform)
    test = order[sizes[-1] :]
    result = np.empty(len(sizes))
    for i, size in enumerate(sizes):
        train = order[:size]
        result[i] = np.mean(_guesses(model, labeled, train, test) == labeled.y[test])
    return result


def _guesses(model: Any, labeled: Labeled, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Labels of the test rows; the most frequent one while the model cannot learn from so few."""
    classes, counts = np.unique(labeled.y[train], return_counts=True)
    most = np.full(len(test), classes[counts.argmax()])
    if len(classes) < 2:
        return most
    try:
        return predicted(fitted(clone(model), labeled.X[train], labeled.y[train]), labeled.X[test])
    except TooFewLabels:
        return most


def _averaged(curves: list[np.ndarray], rng: Any) -> list[np.ndarray]:
    """Means of as many curves as are independent of each other: a test share of 0.3 gives about three."""
    return [np.mean([curves[i] for i in rng.integers(len(curves), size=4)], axis=0) for _ in range(DRAWS)]


def _likely_curve(
    sizes: np.ndarray, accuracy: np.ndarray, target: float, n_test: int, rng: Any
) -> LearningCurve:
    """One of the curves through these accuracies that reach the target, drawn by how likely each is.

    Parameters
    ----------
    sizes, accuracy : arrays of shape (n_points,)
    n_test : items that every accuracy was measured on
    """
    ends = target + ENDS * (1 - target)
    basis = sizes.astype(float)[None] ** -EXPONENTS[:, None]
    gap = ends[:, None] - accuracy
    # Least squares with one unknown, for all ends and exponents at once; a falling curve has no b and gets
    # next to none.
    b = np.maximum(gap @ basis.T / (basis**2).sum(axis=1), 1e-9)
    error = ((gap[:, None] - b[:, :, None] * basis) ** 2).sum(axis=2)
    mean = float(accuracy.mean())
    # All right in so small a test does not mean that noise is zero: one in fifty stands for it.
    noise = max(mean * (1 - mean), 0.02) / max(n_test, 1)
    # The least error is taken off first: exp of large negative numbers alone would be zero everywhere.
    chance = np.exp((error.min() - error) / (2 * noise)).ravel()
    end, exponent = divmod(int(rng.choice(len(chance), p=chance / chance.sum())), len(EXPONENTS))
    return LearningCurve(float(ends[end]), float(b[end, exponent]), float(EXPONENTS[exponent]))
