"""Fitting any classifier on few labels of any kind, or saying why it must wait."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if

from clean_al.learners import class_probabilities
from clean_al.validation import rows_of

# More than any sensible number of folds or neighbors asks for.
PLENTY = 40


class TooFewLabels(ValueError):
    """The classifier is sound, but cannot be fitted on, or asked after, as few labels as these."""


def fitted(model: Any, X: Any, y: np.ndarray) -> Any:
    """The model, or a copy of it that numbers its labels, fitted and able to answer.

    A classifier that refuses labels as they are (xgboost wants 0 to k-1) is given their numbers.

    Raises
    ------
    TooFewLabels
        If it fails on these rows, but not on the same rows many times over: k neighbors with fewer than k
        labels, cross-validation with fewer labels of a class than folds.
    Exception
        The classifier's own, if that is no question of how many labels there are.
    """
    try:
        return _answering(model, X, y)
    except TooFewLabels:
        raise
    except Exception as error:  # noqa: BLE001 - classifiers fail in ways of their own
        return _by_other_means(model, X, y, error)


def _by_other_means(model: Any, X: Any, y: np.ndarray, error: Exception) -> Any:
    if y.ndim > 1:
        raise error
    # Tried only after a failure: a classifier that copes with the labels must see them as they are.
    numbered = NumberedLabels(clone(model))
    if _succeeds(numbered, X, y):
        return numbered
    many = _many_times(y)
    if any(_succeeds(clone(kind), rows_of(X, many), y[many]) for kind in (model, numbered)):
        raise TooFewLabels(_why(model, y, error)) from error
    raise error


def _why(model: Any, y: np.ndarray, error: Exception) -> str:
    name = type(getattr(model, "estimator", model)).__name__
    return f"{name} cannot learn from {len(y)} labels yet: {str(error).strip().splitlines()[0]}"


def _succeeds(model: Any, X: Any, y: np.ndarray) -> bool:
    try:
        _answering(model, X, y)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _answering(model: Any, X: Any, y: np.ndarray) -> Any:
    """The model fitted, if it can answer too: some only fail when asked."""
    with warnings.catch_warnings():
        # That labels are few for their classes is no news here.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%", UserWarning)
        model.fit(X, y)
    # The default, fitted at every round, is known to answer; asking it would cost a pass for nothing.
    if not isinstance(model, LogisticRegression):
        shape = np.shape(class_probabilities(model, X[:1]))
        if not hasattr(model, "classes_") or len(shape) != 2 or shape[1] != len(model.classes_):
            raise TypeError(f"{type(model).__name__} gives probabilities of shape {shape} for its classes")
    return model


def _many_times(y: np.ndarray) -> np.ndarray:
    """Rows such that every label comes at least PLENTY times."""
    rows = [np.flatnonzero(y == label) for label in np.unique(y)]
    return np.concatenate([np.tile(some, max(-(-PLENTY // len(some)), 1)) for some in rows])


def _has(method: str) -> Callable[..., Any]:
    return available_if(lambda self: hasattr(self.estimator, method))


class NumberedLabels(ClassifierMixin, BaseEstimator):
    """A classifier that is told 0 to k-1 for the k labels it is fitted on, and answers with the labels.

    Parameters
    ----------
    estimator : classifier; a copy of it is fitted

    Attributes
    ----------
    estimator_ : the fitted copy
    classes_ : array of the labels
    """

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, X: Any, y: np.ndarray) -> Self:
        """Fit a copy on the labels' numbers."""
        self.classes_, numbers = np.unique(y, return_inverse=True)
        # Of a fold's own labels: xgboost also refuses a gap in 0 to k-1.
        self.estimator_ = clone(self.estimator).fit(X, numbers)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels, shape (n,)."""
        return self.classes_[np.asarray(self.estimator_.predict(X)).ravel().astype(np.intp)]

    @_has("predict_proba")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities, columns in the order of `classes_`."""
        return np.asarray(self.estimator_.predict_proba(X))

    @_has("decision_function")
    def decision_function(self, X: Any) -> np.ndarray:
        """The copy's scores."""
        return np.asarray(self.estimator_.decision_function(X))


def predicted(model: Any, X: Any) -> np.ndarray:
    """The model's labels; some answer in one column of shape (n, 1)."""
    labels = np.asarray(model.predict(X))
    return labels.ravel() if labels.ndim == 2 and labels.shape[1] == 1 else labels
