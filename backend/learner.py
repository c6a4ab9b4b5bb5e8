"""The classifiers that a project can learn with."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from backend.errors import SettingsError


class SeenColumnsLogisticRegression(LogisticRegression):
    """Logistic regression that is fitted on the columns that occur among the labelled rows.

    With an L2 penalty every other column's weight is exactly zero, so the solution is the same; with few
    labels on wide text features it comes many times sooner.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SeenColumnsLogisticRegression:
        if not sparse.issparse(X):
            return super().fit(X, y, sample_weight)
        seen = np.unique(X.indices)
        super().fit(X[:, seen], y, sample_weight)
        found = np.asarray(self.coef_)  # type: ignore[has-type]
        self.coef_ = np.zeros((found.shape[0], X.shape[1]))
        self.coef_[:, seen] = found
        self.n_features_in_ = X.shape[1]
        return self


def _logistic_regression(kind: str, seed: int) -> ClassifierMixin:
    return SeenColumnsLogisticRegression(C=10.0 if kind == "text" else 1.0, max_iter=500, random_state=seed)


def _random_forest(kind: str, seed: int) -> ClassifierMixin:
    return RandomForestClassifier(200, min_samples_leaf=2, random_state=seed)


ESTIMATORS = {"logistic_regression": _logistic_regression, "random_forest": _random_forest}


def make_estimator(kind: str, *, name: str | None, trusted: str | None, seed: int) -> ClassifierMixin:
    """Return an unfitted classifier for features of `kind` ("text", "image" or "numbers").

    Parameters
    ----------
    name : a key of ESTIMATORS, as a project's extra params may give it; or None
    trusted : "package.module:factory" from CLEAN_AL_ESTIMATOR, used where the project names none; or None

    Raises
    ------
    SettingsError
        When `name` is not built in, or `trusted` cannot be imported or called.
    """
    if name is None and trusted:
        return _imported(trusted)
    try:
        return ESTIMATORS[name or "logistic_regression"](kind, seed)
    except KeyError:
        raise SettingsError(
            f"estimator: {name!r} is not built in; use one of {', '.join(ESTIMATORS)}, "
            "or set CLEAN_AL_ESTIMATOR=package.module:factory on the worker"
        ) from None


def _imported(path: str) -> ClassifierMixin:
    module, _, factory = path.partition(":")
    try:
        return getattr(importlib.import_module(module), factory)()
    except Exception as error:
        raise SettingsError(f"CLEAN_AL_ESTIMATOR={path}: {type(error).__name__}: {error}") from error
