"""Items with several labels at once: one binary question per label.

Binary relevance: Tsoumakas & Katakis, Multi-Label Classification: An Overview, 2007. The mean of their
confidences: Esuli & Sebastiani, Active Learning Strategies for Multi-Label Text Classification, ECIR 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from clean_al.decision import HALF, decided, sureness, threshold_for
from clean_al.fitting import TooFewLabels, fitted
from clean_al.learners import PreparedRows, SparseLogisticRegression, column_probabilities
from clean_al.leave_one_out import left_out, most_rows


class PerLabelClassifier(ClassifierMixin, BaseEstimator):
    """Gives the probability of each label, from one copy of a binary classifier per label.

    Parameters
    ----------
    estimator : scikit-learn classifier
    n_jobs : int or None, passed to joblib
    tuned : whether the threshold is chosen by what models say of items that they have not seen; only of the
        package's own logistic regressions, for others it is one half

    Attributes
    ----------
    classes_ : array of the label numbers (columns of y)
    threshold_ : the probability from which on a label is given
    at_least_one_ : whether an item without any is given its likeliest, as all items so far had one
    """

    # Of a model that was stored before there were others.
    threshold_: float = HALF
    at_least_one_: bool = False

    def __init__(self, estimator: Any, n_jobs: int | None = None, tuned: bool = True):
        self.estimator = estimator
        self.n_jobs = n_jobs
        self.tuned = tuned

    def fit(self, X: Any, y: np.ndarray) -> Self:
        """Fit one classifier per column of y, an array of 0 and 1 of shape (n, n_labels).

        A label too rare for the classifier is answered by its share until there are more of it.
        """
        # What depends on the rows alone is worked out once for all labels.
        rows: PreparedRows | None = X if isinstance(X, PreparedRows) else None
        if rows is None and isinstance(self.estimator, SparseLogisticRegression):
            rows = self.estimator.prepared(X)
        self.models_, self.threshold_ = self._fitted(X, y, rows), HALF
        if self.tuned and rows is not None and rows is not X:
            self.threshold_ = self._best_threshold(X, y, rows)
        waiting = [model for model in self.models_ if isinstance(model, TooFewLabels)]
        # A model of shares alone would rank nothing, though it looks like one.
        if waiting and not any(hasattr(model, "predict") for model in self.models_):
            raise waiting[0]
        shares = y.mean(axis=0).tolist()
        self.models_ = [
            share if isinstance(model, TooFewLabels) else model
            for model, share in zip(self.models_, shares, strict=True)
        ]
        self.classes_, self.at_least_one_ = np.arange(y.shape[1]), bool(y.any(axis=1).all())
        return self

    def unfitted(self) -> PerLabelClassifier:
        """Return a copy to fit on a part of the items, of which no threshold is wanted."""
        return PerLabelClassifier(clone(self.estimator), self.n_jobs, tuned=False)

    def _fitted(self, X: Any, y: np.ndarray, rows: PreparedRows | None) -> list[Any]:
        jobs = (delayed(_fit_column)(self.estimator, X, y[:, j], rows) for j in range(y.shape[1]))
        return list(Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs))

    def _best_threshold(self, X: Any, y: np.ndarray, rows: PreparedRows) -> float:
        models, most = self.models_, most_rows(*rows.shape)
        if len(y) > most:
            # The threshold of a model of some of the items: it moves little with more of them.
            some = np.sort(np.random.default_rng(0).permutation(len(y))[:most])
            X, y = X[some], y[some]
            rows = self.estimator.prepared(X)
            models = self._fitted(X, y, rows)
        p = left_out(self.estimator, X, rows, models, y)
        return HALF if p is None else threshold_for(p, y)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each label, shape (n, n_labels); rows need not add up to one."""
        return column_probabilities(self.models_, X)

    def predict(self, X: Any) -> np.ndarray:
        """0 or 1 for each label, shape (n, n_labels)."""
        return self.decided(self.predict_proba(X)).astype(int)

    def decided(self, probabilities: np.ndarray) -> np.ndarray:
        """Return which labels items of these probabilities are given, bool of shape (n, n_labels)."""
        return decided(probabilities, self.threshold_, self.at_least_one_)

    def sureness(self, probabilities: np.ndarray) -> np.ndarray:
        """Return how likely each item is given exactly its labels, shape (n,)."""
        return sureness(probabilities, self.decided(probabilities))


def _fit_column(estimator: Any, X: Any, column: np.ndarray, rows: PreparedRows | None) -> Any:
    """A fitted classifier, the only value that the column has, or why it has too few labels."""
    values = np.unique(column)
    if len(values) == 1:
        return float(values[0])
    if rows is not None:
        return clone(estimator).fit(rows, column)
    try:
        return fitted(clone(estimator), X, column)
    except TooFewLabels as error:
        return error


def over_labels(measure: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Turn a measure of uncertainty over classes into its mean over the binary questions of every label."""

    def mean_over_labels(probabilities: np.ndarray) -> np.ndarray:
        # As two classes: the measures take rows that add up to one, and labels of one item do not.
        columns = [measure(np.column_stack([1 - p, p])) for p in probabilities.T]
        return np.mean(columns, axis=0)

    return mean_over_labels
