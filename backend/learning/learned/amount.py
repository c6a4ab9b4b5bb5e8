"""A number: ridge regression, and a doubt that is made for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse

from backend.learning.answers import Guess
from backend.learning.learned.base import How, Learned
from backend.learning.learned.weights import MOST_FEATURES
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State

# Of a project's answers, as many are fitted: a fit takes their cube, and keeps their places.
MOST_FITTED = 2000
PENALTIES = 10.0 ** np.arange(-3, 4)
MOST_DECIMALS = 6
# A guess counts as right when it is off by no more than this share of the range of the answers.
NEAR = 0.05
BLOCK = 4096


class Amount(Learned):
    """The number that a task's features tell.

    The penalty is the one with the least error when each answer is held out in turn; the share of these that
    came near is the confidence of every guess. A task is in doubt where it lies far from all labeled ones, in
    its features and in what is expected of it: the least product of both distances.

    Parameters
    ----------
    weights, intercept : of the regression; shape (n_features,)
    seen, values : the embeddings of labeled tasks, shape (n_seen, n_dimensions), and their numbers
    decimals : how many digits after the point the answers have
    confidence : share of held-out answers that were guessed nearly right

    References
    ----------
    Wu, Lin and Huang, Active learning for regression using greedy sampling (there: iGS), Information Sciences
    474, 2019.
    """

    KIND = "amount"
    # The confidence is a share of held-out answers already.
    calibration = (1.0, 0.0)

    def __init__(
        self,
        weights: np.ndarray,
        intercept: float,
        seen: np.ndarray,
        values: np.ndarray,
        decimals: int,
        confidence: float,
    ):
        self.weights, self.intercept, self.seen, self.values = weights, intercept, seen, values
        self.decimals, self.confidence = decimals, confidence

    @classmethod
    def learned(cls, tasks: Tasks, answers: Sequence[Any], how: How) -> Self | str:
        """Return a model of the answers to these tasks, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        if len(set(answers)) < 2:
            return "all labels are the same so far"
        rows = np.arange(len(answers))
        if len(rows) > MOST_FITTED:
            rows = np.sort(np.random.default_rng(how.seed).choice(rows, MOST_FITTED, replace=False))
        some, values = tasks.features.rows(rows), np.array(answers, dtype=np.float64)[rows]
        weights, intercept, errors = _ridge(some.X, values)
        near = NEAR * (values.max() - values.min())
        decimals = max(map(_decimals, answers))
        # Answers in whole numbers are right from half a step on, however small their range.
        share = float((np.abs(errors) <= max(near, 0.5 * 10.0**-decimals)).mean())
        return cls(weights, intercept, some.embedding.astype(np.float32), values, decimals, share)

    def guess(self, tasks: Tasks) -> list[Guess]:
        # Plus zero: a small negative number rounds to -0.0, which would be shown so.
        expected = np.round(self._expected(tasks), self.decimals) + 0.0
        return [Guess(float(value), self.confidence) for value in expected]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return the least product of the distances to a labeled task, in features and in the number."""
        expected, places = self._expected(tasks), tasks.features.embedding
        found = np.empty(len(tasks))
        for start in range(0, len(tasks), BLOCK):
            part = slice(start, start + BLOCK)
            apart = _distances(places[part], self.seen)
            off = np.abs(expected[part, None] - self.values[None, :])
            found[part] = (apart * off).min(axis=1)
        return found

    def state(self) -> State:
        values = {"intercept": self.intercept, "decimals": self.decimals, "confidence": self.confidence}
        kept = np.flatnonzero(self.weights)
        weights = {"columns": kept.astype(np.int32), "weights": self.weights[kept]}
        stored = {"seen": self.seen, "values": self.values}
        return values | {"n_features": len(self.weights)}, weights | stored

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        values, arrays = state
        n_features, seen = int(values["n_features"]), arrays["seen"]
        if not 0 < n_features <= MOST_FEATURES or seen.shape[0] != len(arrays["values"]):
            raise ValueError(f"{n_features} features, {seen.shape} places, {len(arrays['values'])} numbers")
        weights = np.zeros(n_features)
        weights[arrays["columns"]] = arrays["weights"]
        rest = int(values["decimals"]), float(values["confidence"])
        return cls(weights, float(values["intercept"]), seen, arrays["values"], *rest)

    def _expected(self, tasks: Tasks) -> np.ndarray:
        return np.asarray(tasks.features.X @ self.weights, dtype=np.float64).ravel() + self.intercept


def _ridge(X: Any, y: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return weights, intercept, and the error on each row when it is held out.

    By the kernel matrix, for features are many and answers few; the best penalty of a few is taken.
    """
    kernel = X @ X.T
    kernel = np.asarray(kernel.todense() if sparse.issparse(kernel) else kernel, dtype=np.float64)
    # Centers the rows without touching X, which centered would no longer be sparse.
    middle = np.eye(len(y)) - 1 / len(y)
    values, vectors = np.linalg.eigh(middle @ kernel @ middle)
    values, centered = np.maximum(values, 0), y - y.mean()
    # Penalties are relative to the features' own size: 0.001 to 1000 then fits any.
    scale = values.sum() / len(y) or 1.0
    turned = vectors.T @ centered
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for penalty in PENALTIES * scale:
        kept = penalty / (values + penalty)
        residual = vectors @ (kept * turned)
        # What is left of a row when it is held out: Golub, Heath and Wahba, 1979.
        # Less 1 / n: of the constant direction, which no penalty shrinks, the intercept takes all.
        errors = residual / np.maximum((vectors**2 @ kept) - 1 / len(y), 1e-12)
        if best is None or np.square(errors).sum() < best[0]:
            best = float(np.square(errors).sum()), residual / penalty, errors
    assert best is not None
    dual = middle @ best[1]
    weights = np.asarray(X.T @ dual, dtype=np.float64).ravel()
    return weights, float(y.mean() - np.asarray(X @ weights).ravel().mean()), best[2]


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None, :] - 2 * one @ other.T
    return np.sqrt(np.maximum(squares, 0))


def _decimals(value: float) -> int:
    for digits in range(MOST_DECIMALS):
        if round(value, digits) == value:
            return digits
    return MOST_DECIMALS
