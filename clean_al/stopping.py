"""When to stop labeling: one small class per criterion, each says in words why it fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from sklearn.metrics import cohen_kappa_score

from clean_al.accuracy import AccuracyEstimate
from clean_al.validation import check_count, check_number


@dataclass(frozen=True)
class Round:
    """What is known after a round of labels.

    Attributes
    ----------
    n_labeled : labels so far in this session
    accuracy : the estimate after this round
    stop_set : predictions for a fixed set of items, labels in any type; None before there is a model
    """

    n_labeled: int
    accuracy: AccuracyEstimate
    stop_set: np.ndarray | None = None


class Criterion(Protocol):
    """Says why to stop, or None to go on."""

    def reason(self, history: Sequence[Round]) -> str | None:
        """A sentence, or None."""


@dataclass(frozen=True)
class MinAccuracy:
    """Stops when the lower end of the accuracy's interval reaches the target."""

    target: float

    def reason(self, history: Sequence[Round]) -> str | None:
        """See the class."""
        accuracy = history[-1].accuracy
        # Never true while nothing is known: every comparison with nan is false.
        if accuracy.low >= self.target:
            return f"min_accuracy: at least {accuracy.low:.1%}, {self.target:.1%} wanted"
        return None


@dataclass(frozen=True)
class AccuracyPlateau:
    """Stops when the mean estimate of the last rounds is not above that of as many before, beyond noise.

    Noise is the standard error of that difference, from the scatter within both windows, and at least half a
    percentage point: that alone where a window is a single round, which has no scatter.
    """

    rounds: int

    def reason(self, history: Sequence[Round]) -> str | None:
        """See the class."""
        values = np.array([float(r.accuracy) for r in history[-2 * self.rounds :]])
        if len(values) < 2 * self.rounds or np.isnan(values).any():
            return None
        before, after = values[: self.rounds], values[self.rounds :]
        scatter = 0.0
        if self.rounds > 1:
            scatter = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / self.rounds)
        gain = after.mean() - before.mean()
        if gain <= max(scatter, 0.005):
            return f"accuracy_plateau_rounds: {gain:+.1%} in {self.rounds} rounds, within noise"
        return None


@dataclass(frozen=True)
class StablePredictions:
    """Stops when successive models agree: mean Cohen's kappa of the last 3 rounds at or above the threshold.

    Bloodgood & Vijay-Shanker, A Method for Stopping Active Learning Based on Stabilizing Predictions and the
    Need for User-Adjustable Stopping, CoNLL 2009. Needs no labels.
    """

    threshold: float = 0.99
    rounds: int = 3

    def reason(self, history: Sequence[Round]) -> str | None:
        """See the class."""
        sets = [r.stop_set for r in history[-self.rounds - 1 :] if r.stop_set is not None]
        # n agreements need n + 1 models.
        if len(sets) <= self.rounds:
            return None
        kappa = float(np.mean([_kappa(a, b) for a, b in pairwise(sets)]))
        if kappa >= self.threshold:
            return f"stable_predictions: successive models agree, kappa {kappa:.3f}"
        return None


def _kappa(a: np.ndarray, b: np.ndarray) -> float:
    """Cohen's kappa; over all decisions together where items have several labels."""
    # With a single class on both sides kappa is 0 / 0, which scikit-learn gives as nan.
    if np.array_equal(a, b):
        return 1.0
    return float(cohen_kappa_score(a.ravel(), b.ravel()))


@dataclass(frozen=True)
class MaxSamples:
    """Stops when the budget of labels is spent."""

    limit: int

    def reason(self, history: Sequence[Round]) -> str | None:
        """See the class."""
        n = history[-1].n_labeled
        return f"max_samples: {n} labels, {self.limit} allowed" if n >= self.limit else None


@dataclass(frozen=True)
class MaxRounds:
    """Stops after a number of rounds."""

    limit: int

    def reason(self, history: Sequence[Round]) -> str | None:
        """See the class."""
        return f"max_rounds: {len(history)} rounds" if len(history) >= self.limit else None


def _stable(value: Any) -> StablePredictions:
    return StablePredictions(
        0.99 if value is True else check_number(value, "stopping_criteria['stable_predictions']", high=1.0)
    )


STOPPING_CRITERIA: dict[str, Any] = {
    "min_accuracy": lambda v: MinAccuracy(check_number(v, "stopping_criteria['min_accuracy']", high=1.0)),
    "accuracy_plateau_rounds": lambda v: AccuracyPlateau(
        check_count(v, "stopping_criteria['accuracy_plateau_rounds']")
    ),
    "stable_predictions": _stable,
    "max_samples": lambda v: MaxSamples(check_count(v, "stopping_criteria['max_samples']")),
    "max_rounds": lambda v: MaxRounds(check_count(v, "stopping_criteria['max_rounds']")),
}


def make_criteria(given: Mapping[str, Any] | None) -> tuple[Criterion, ...]:
    """The criteria that a mapping of names to limits asks for.

    Raises
    ------
    ValueError
        For an unknown name (the message lists the valid ones) or a limit out of range.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise TypeError(f"stopping_criteria must be a dict such as {{'max_samples': 1000}}, not {given!r}")
    unknown = sorted(set(map(str, given)) - set(STOPPING_CRITERIA))
    if unknown:
        valid = ", ".join(sorted(STOPPING_CRITERIA))
        raise ValueError(f"stopping_criteria has unknown {', '.join(unknown)}; valid are {valid}")
    return tuple(STOPPING_CRITERIA[name](value) for name, value in given.items())


def first_reason(criteria: Sequence[Criterion], history: Sequence[Round]) -> str | None:
    """The reason of the first criterion that fires, or None."""
    reasons = (c.reason(history) for c in criteria) if history else iter(())
    return next((reason for reason in reasons if reason), None)
