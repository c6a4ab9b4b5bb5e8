"""How much accuracy more labels would bring, from how much the latest ones have brought.

Accuracy measured on labels is too coarse for that: of 50 random ones it is off by some points. But where two
models differ on the pool is seen exactly. So the model of today is compared with one of the older half of
the labels, and its own calibrated confidence judges both answers. What the newer labels have gained tells,
along a curve a - b * n^-1/2 (Cortes, Jackel, Solla, Vapnik & Denker, Learning Curves, NIPS 1993), what the
next ones would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone

from clean_al.calibration import log_odds
from clean_al.fitting import TooFewLabels, fitted
from clean_al.labeled import Labeled
from clean_al.learners import class_probabilities
from clean_al.validation import check_count

EXPONENT = 0.5
OLDER = 0.5
# Differences between two models are looked at on so many items: a standard error of half a point at most.
MOST_COMPARED = 1000
# How far off the chance of being right may be where two models differ (one standard error): there a model is
# least sure, and calibrated on few. As much as calibrated confidence was off on real data, see `accuracy`;
# the advice to stop then costs hardly more than a point (1.07 in one run) on breast_cancer, digits,
# docstrings and noisy (benchmarks.stopping).
DOUBT = 0.05
# Below, most of a model is luck, and one of half the labels may know nothing at all.
FEWEST = 40


@dataclass(frozen=True)
class ExpectedGain:
    """What more labels would bring, in accuracy from 0 to 1.

    Attributes
    ----------
    value, error : the gain and its standard error
    labels : how many more labels it is about
    changed : share of the items on which the model of the older half of the labels says something else
    """

    value: float
    error: float
    labels: int
    changed: float


def expected_gain(
    model: Any,
    labeled: Labeled,
    X: Any,
    *,
    labels: int = 100,
    order: Any = None,
    calibration: tuple[float, float] | None = None,
    seed: int = 0,
) -> ExpectedGain | None:
    """Return what another so many labels would gain; None while there are too few to tell.

    Parameters
    ----------
    model : fitted classifier; a clone of it is fitted on the older half of the labels
    labeled : its labels, one an item
    X : array or CSR matrix, the items over which accuracy is meant
    labels : int, how many more
    order : int array of shape (n_labeled,), the rows of `labeled`, the first one given first; as they stand
        without it
    calibration : slope and intercept of `AccuracyEstimate.calibration`; the model's own confidence without it
    """
    n, more = len(labeled.y), check_count(labels, "labels")
    if n < FEWEST or labeled.multilabel or X.shape[0] == 0:
        return None
    rows = np.arange(n) if order is None else np.asarray(order)
    older = _model_of(model, labeled, rows[: int(OLDER * n)])
    if older is None:
        return None
    some = np.random.default_rng(seed).permutation(X.shape[0])[:MOST_COMPARED]
    gains, changed = _gains(model, older, X[np.sort(some)], calibration or (1.0, 0.0))
    ahead = _ahead(n, more)
    # Of the items looked at, and of what the model says of them: more items do not make the latter less.
    error = float(np.hypot(gains.std() / np.sqrt(len(gains)), DOUBT * changed.mean())) * ahead
    return ExpectedGain(float(gains.mean()) * ahead, error, more, float(changed.mean()))


def _model_of(model: Any, labeled: Labeled, rows: np.ndarray) -> Any:
    y = labeled.y[rows]
    if len(np.unique(y)) < 2:
        return None
    try:
        return fitted(clone(model), labeled.X[rows], y)
    except TooFewLabels:
        return None


def _gains(model: Any, older: Any, X: Any, calibration: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much today's answer is likelier right than the older one, and where they differ."""
    p, every = class_probabilities(model, X), np.arange(X.shape[0])
    now = p.argmax(axis=1)
    before = np.searchsorted(model.classes_, older.classes_[class_probabilities(older, X).argmax(axis=1)])
    top = p[every, now]
    right = expit(calibration[0] * log_odds(top) + calibration[1])
    # What calibration takes from the likeliest answer, the others share as they share the rest.
    other = p[every, before] * (1 - right) / np.maximum(1 - top, 1e-9)
    changed = now != before
    return np.where(changed, right - other, 0.0), changed


def _ahead(n: int, labels: int) -> float:
    """Return how much the next labels gain of what those since the older half have, along the curve."""
    older = max(int(OLDER * n), 1)
    gained = older**-EXPONENT - n**-EXPONENT
    return float((n**-EXPONENT - (n + labels) ** -EXPONENT) / gained)
