"""The classifiers that a project can learn with."""

from __future__ import annotations

import importlib

from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier

from backend.errors import SettingsError
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from clean_al.neighborhoods import Neighborhoods


def _logistic_regression(seed: int, n_sketch: int, near: Neighborhoods | None) -> ClassifierMixin:
    if n_sketch:
        return SketchedLogisticRegression(n_sketch, max_iter=500, random_state=seed, neighborhoods=near)
    return SparseLogisticRegression(max_iter=500, random_state=seed)


def _random_forest(seed: int, n_sketch: int, near: Neighborhoods | None) -> ClassifierMixin:
    return RandomForestClassifier(200, min_samples_leaf=2, random_state=seed)


ESTIMATORS = {"logistic_regression": _logistic_regression, "random_forest": _random_forest}


def make_estimator(
    *,
    name: str | None,
    trusted: str | None,
    seed: int,
    n_sketch: int = 0,
    near: Neighborhoods | None = None,
) -> ClassifierMixin:
    """Return an unfitted classifier.

    Parameters
    ----------
    name : a key of ESTIMATORS, as a project's extra params may give it; or None
    trusted : "package.module:factory" from CLEAN_AL_ESTIMATOR, used where the project names none; or None
    n_sketch : how many of the first columns are a text's sketch
    near : how neighbors in the pool are alike, for the learner of texts

    Raises
    ------
    SettingsError
        When `name` is not built in, or `trusted` cannot be imported or called.
    """
    if name is None and trusted:
        return _imported(trusted)
    try:
        return ESTIMATORS[name or "logistic_regression"](seed, n_sketch, near)
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
        # It is the operator's own code: in whatever way it fails, the setting is named.
        raise SettingsError(f"CLEAN_AL_ESTIMATOR={path}: {type(error).__name__}: {error}") from error
