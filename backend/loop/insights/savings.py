"""What a random order would have reached with as many labels, and how many more it would have needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from backend.learning.accuracy import CONFIDENCE, Accuracy
from backend.loop.learn import Lesson
from backend.store.insight import CurvePoint, SavedLabels
from clean_al.accuracy import AccuracyEstimate
from clean_al.savings import HORIZON, LabelSavings, label_savings

POINTS = 24
# Of so few labels the curve is a guess, and what is of interest would be pressed into the picture's top.
FEWEST, FIRST = 10, 0.2


def savings_of(lesson: Lesson, accuracy: Accuracy) -> LabelSavings | None:
    """Return the labels saved so far; None while accuracy is not known, or where there are no classes."""
    name = next(iter(lesson.given), None)
    learned = lesson.learned.get(name) if name is not None else None
    sampler = learned.sampler if learned is not None else None
    if sampler is None or accuracy.value is None or accuracy.low is None:
        return None
    return label_savings(sampler.model_, sampler.labeled_, _estimate(accuracy), confidence=CONFIDENCE)


def saved_labels(found: LabelSavings | None) -> SavedLabels | None:
    """Return how many labels a random order would have needed beyond those given."""
    if found is None:
        return None
    n = found.n_labeled
    saved, low, high = (round(_labels(share, n), 1) for share in (float(found), found.low, found.high))
    return SavedLabels(saved, low, high)


def random_curve(found: LabelSavings | None, curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return what a random order is estimated to reach, up to the labels of now and at those of the curve."""
    if found is None or not found.curves:
        return []
    n = found.n_labeled
    evenly = np.linspace(max(FEWEST, FIRST * n), n, POINTS).round().astype(int).tolist()
    labels = sorted({*evenly, *(p.labels for p in curve if evenly[0] <= p.labels <= n)})
    rows = found.random_accuracy(labels, CONFIDENCE).round(4).tolist()
    return [CurvePoint(at, *row) for at, row in zip(labels, rows, strict=True)]


def _estimate(accuracy: Accuracy) -> AccuracyEstimate:
    """Return the accuracy with its doubt, taken from its lower end: the upper one may have met 1."""
    n = accuracy.audit_labels
    reach = float(stats.t.ppf(0.5 + accuracy.confidence / 2, max(n - 1, 5)))
    value, low = float(accuracy.value or 0.0), float(accuracy.low or 0.0)
    return AccuracyEstimate(value, (value - low) / reach, accuracy.confidence, "kept", n)


def _labels(share: float, n: int) -> float:
    """Return how many labels a share of the random order's is; at most what the library looks ahead."""
    # n labels are what is left of a random order of n / (1 - share).
    return n * min(share / max(1 - share, 1e-9), HORIZON - 1.0)
