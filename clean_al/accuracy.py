"""How accurate the model is, estimated from labels that were chosen, not drawn.

Cross-validation on actively chosen labels is far too pessimistic: they are the hard ones. Here the confidence
of the model over all items is calibrated on held-out labels, and corrected by the mean residual on those
items that were drawn uniformly at random (prediction-powered inference: Angelopoulos, Bates, Fannjiang,
Jordan & Zrnic, Science 2023; the difference estimator of survey sampling).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from clean_al.calibration import fit_calibration, log_odds, mean_calibrated
from clean_al.held_out import held_out_predictions
from clean_al.labeled import Labeled
from clean_al.learners import class_probabilities
from clean_al.multilabel import PerLabelClassifier
from clean_al.pool import scored_in_blocks

# Enough for a standard error; the ends of the interval come from Student's t, not from quantiles.
BOOTSTRAPS = 200
# Of 30 the mean residual is off by some 0.06 (at 85 % accuracy), about MODEL_DOUBT: enough to correct.
ENOUGH_UNIFORM = 30
# How far calibrated confidence alone was off on real data (one standard error): five points, and more where
# answers scatter more, as on labels that a model can hardly tell.
MODEL_DOUBT, DOUBT_OF_SCATTER = 0.05, 0.12
# The models that are asked have not seen all labels, and the one that is served is another: from run to run
# its accuracy differs from theirs by so much of what the audit labels' own scatter is.
OTHER_MODEL = 0.25
# Thirty audit labels may scatter little by luck. So many more count, with the scatter that confidence tells.
EXPECTED_SCATTER = 10
UNKNOWN = "not known yet"


class AccuracyEstimate(float):
    """An accuracy between 0 and 1 that knows how sure it is; nan while nothing can be said.

    Attributes
    ----------
    low, high : float
        Ends of the interval.
    confidence : float
        Share of such intervals that should hold the true accuracy.
    standard_error : float
    method : str
        "calibrated + uniform residual", "calibrated confidence" (fewer than 30 uniform labels), or
        "not known yet".
    n_uniform : int
        Labels drawn uniformly at random that it rests on.
    calibration : (slope, intercept) or None
        P(an answer is right) = sigmoid(slope * log odds of its confidence + intercept); see `calibration`.
    """

    low: float
    high: float
    confidence: float
    standard_error: float
    method: str
    n_uniform: int
    calibration: tuple[float, float] | None

    def __new__(
        cls, value: float, standard_error: float, confidence: float, method: str, n_uniform: int
    ) -> AccuracyEstimate:
        self = super().__new__(cls, value)
        # Never fewer than 5 degrees: of 0 or 1 random labels t is nan, and of a few it spans everything.
        reach = stats.t.ppf(0.5 + confidence / 2, max(n_uniform - 1, 5)) * standard_error
        # The value comes first: max(nan, 0.0) is nan, max(0.0, nan) would claim a lower end of 0.
        self.low, self.high = float(max(value - reach, 0.0)), float(min(value + reach, 1.0))
        self.confidence, self.standard_error = confidence, standard_error
        self.method, self.n_uniform = method, n_uniform
        self.calibration = None
        return self

    # copy and pickle make a float anew from its arguments; without this they would call `__new__` with one.
    def __getnewargs__(self) -> tuple[float, float, float, str, int]:  # type: ignore[override]
        return float(self), self.standard_error, self.confidence, self.method, self.n_uniform

    def __repr__(self) -> str:
        if self.method == UNKNOWN:
            return f"AccuracyEstimate({UNKNOWN})"
        return f"AccuracyEstimate({float(self):.3f}, {self.low:.3f} to {self.high:.3f}, {self.method})"


def unknown_accuracy(confidence: float) -> AccuracyEstimate:
    """The estimate while nothing can be said."""
    return AccuracyEstimate(float("nan"), float("nan"), confidence, UNKNOWN, 0)


def estimate_accuracy(
    model: Any,
    labeled: Labeled,
    X_pool: Any,
    *,
    confidence: float = 0.9,
    seed: int = 0,
    sure: np.ndarray | None = None,
) -> AccuracyEstimate:
    """Estimate the accuracy of a model over the labeled and unlabeled items together.

    Parameters
    ----------
    model : fitted classifier; clones of it are fitted for held-out predictions, 5 or 10
    labeled : its labels; `labeled.uniform` tells which were drawn uniformly at random
    X_pool : array or CSR matrix of the unlabeled items
    confidence : nominal coverage of the interval
    sure : array of shape (n_pool,), what `pool_confidence` gives, where that is known already

    Returns
    -------
    AccuracyEstimate
        Unknown with fewer than 10 labels or when a class has fewer than two of them throughout.
    """
    held_out = held_out_predictions(model, labeled, seed)
    if held_out is None:
        return unknown_accuracy(confidence)
    z, correct = log_odds(held_out[0]), held_out[1]
    uniform = labeled.uniform
    rng = np.random.default_rng(seed)
    # How often each label is drawn, in place of the rows drawn: all fits then run as one, weighted.
    counts = rng.multinomial(len(z), np.full(len(z), 1 / len(z)), size=BOOTSTRAPS)
    # The first row of ones is the fit on the labels as they are; the others only say how it scatters.
    slope, intercept = fit_calibration(z, correct, np.vstack([np.ones(len(z)), counts]))
    everything = np.concatenate([z, log_odds(pool_confidence(model, X_pool) if sure is None else sure)])
    means = mean_calibrated(everything, slope, intercept)
    if uniform.sum() < ENOUGH_UNIFORM:
        found = _early(z, correct, uniform, slope[0], intercept[0], means, confidence)
    else:
        found = _corrected(z, correct, uniform, counts, slope, intercept, means, confidence)
    found.calibration = (float(slope[0]), float(intercept[0]))
    return found


def _early(
    z: np.ndarray,
    correct: np.ndarray,
    uniform: np.ndarray,
    slope: float,
    intercept: float,
    means: np.ndarray,
    confidence: float,
) -> AccuracyEstimate:
    """Return mean confidence, moved a little by the few uniform items: no jump when they are enough."""
    residual, n = (correct - expit(slope * z + intercept))[uniform], int(uniform.sum())
    weight = n / (n + ENOUGH_UNIFORM)
    value = float(np.clip(means[0] + residual.sum() / (n + ENOUGH_UNIFORM), 0, 1))
    scatter = _scatter(z, residual, slope, intercept)
    # What moved it scatters, too: without that it would be surer than it is with thirty.
    moved = weight**2 * (1 + OTHER_MODEL) * scatter / max(n, 1)
    doubt = max(MODEL_DOUBT, DOUBT_OF_SCATTER * np.sqrt(scatter))
    error = float(np.sqrt(means[1:].var(ddof=1) + doubt**2 + moved))
    return AccuracyEstimate(value, error, confidence, "calibrated confidence", n)


def _corrected(
    z: np.ndarray,
    correct: np.ndarray,
    uniform: np.ndarray,
    counts: np.ndarray,
    slope: np.ndarray,
    intercept: np.ndarray,
    means: np.ndarray,
    confidence: float,
) -> AccuracyEstimate:
    """Add the mean residual of the uniform items; the bootstrap carries both parts at once."""
    residual = correct[uniform] - expit(np.outer(slope, z[uniform]) + intercept[:, None])
    n = int(uniform.sum())
    value = means[0] + residual[0].mean()
    w = counts[:, uniform]
    resampled = means[1:] + (w * residual[1:]).sum(axis=1) / np.maximum(w.sum(axis=1), 1)
    # An all-correct audit has no spread, but one more answer could be wrong: the rule of succession.
    floor = np.sqrt(max(n * value + 1, 1) * max(n * (1 - value) + 1, 1) / (n + 2) ** 2 / (n + 3))
    scatter = (1 + OTHER_MODEL) * _scatter(z, residual[0], slope[0], intercept[0])
    apart = np.sqrt(scatter / n + means[1:].var(ddof=1))
    error = float(max(resampled.std(ddof=1), apart, 0.5 * floor if np.isfinite(floor) else 0.0))
    method = "calibrated + uniform residual"
    return AccuracyEstimate(float(np.clip(value, 0, 1)), error, confidence, method, n)


def _scatter(z: np.ndarray, residual: np.ndarray, slope: float, intercept: float) -> float:
    """Variance of the residuals, drawn towards that which calibrated confidence would have, were it right."""
    n, right = len(residual), expit(slope * z + intercept)
    expected = float((right * (1 - right)).mean())
    # A single residual has no scatter of its own.
    own = n * residual.var(ddof=1) if n > 1 else n * expected
    return float((own + EXPECTED_SCATTER * expected) / (n + EXPECTED_SCATTER))


def pool_confidence(model: Any, X: Any) -> np.ndarray:
    """The highest class probability of every row; of several labels, that of all of them together."""
    if X is None or X.shape[0] == 0:
        return np.empty(0)
    measure = model.sureness if isinstance(model, PerLabelClassifier) else _highest
    return scored_in_blocks(class_probabilities, measure, model, X, None)


def _highest(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.max(axis=1)
