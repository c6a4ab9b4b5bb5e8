"""Linear classifiers as bare weights: small files, and nothing in them that could run."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.learning.vectorize import State
from clean_al.decision import HALF
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from clean_al.multilabel import PerLabelClassifier

# Both predict as logistic regression does. Of exactly these classes: a subclass may predict in another way.
LINEAR = (SparseLogisticRegression, SketchedLogisticRegression)

# A file that claims more is none of ours: it must not decide how much memory is taken.
MOST_FEATURES = 2**24
MOST_CLASSES = 100_000


def weights_of(classifier: Any) -> State | None:
    """Return a linear classifier's weights, without the columns that are all zero; None for other kinds."""
    if type(classifier) not in LINEAR:
        return None
    return _packed(classifier.coef_, classifier.intercept_)


def from_weights(state: State, classes: np.ndarray) -> SparseLogisticRegression:
    """Return the classifier that gave these weights."""
    classifier = SparseLogisticRegression()
    classifier.classes_ = classes
    classifier.coef_, classifier.intercept_ = _unpacked(state)
    classifier.n_features_in_ = state[0]["n_features"]
    return classifier


def label_weights_of(classifier: PerLabelClassifier) -> State | None:
    """Return the weights of a linear classifier a label; None where one of them is of another kind.

    A label that all tasks have, or none, has no weights but that one value.
    """
    models = classifier.models_
    linear = [m for m in models if type(m) in LINEAR]
    if len(linear) + sum(isinstance(m, float) for m in models) != len(models) or not linear:
        return None
    values, arrays = _packed(
        np.vstack([m.coef_ for m in linear]), np.concatenate([m.intercept_ for m in linear])
    )
    constants = [m if isinstance(m, float) else None for m in models]
    return values | {"constants": constants, "threshold": classifier.threshold_}, arrays


def labels_from_weights(state: State) -> PerLabelClassifier:
    """Return the per-label classifier that gave these weights."""
    coef, intercept = _unpacked(state)
    rows = iter(zip(coef, intercept, strict=True))
    models: list[Any] = []
    for constant in state[0]["constants"]:
        if constant is not None:
            models.append(float(constant))
            continue
        weights, offset = next(rows)
        model = SparseLogisticRegression()
        model.classes_ = np.array([0, 1])
        model.coef_, model.intercept_ = weights[None, :], np.array([offset])
        model.n_features_in_ = len(weights)
        models.append(model)
    classifier = PerLabelClassifier(SparseLogisticRegression())
    classifier.models_, classifier.classes_ = models, np.arange(len(models))
    # Models of before there were thresholds go on as they were.
    classifier.threshold_ = float(state[0].get("threshold", HALF))
    if not 0 < classifier.threshold_ <= HALF:
        raise ValueError(f"threshold {classifier.threshold_}")
    return classifier


def _packed(coef: np.ndarray, intercept: np.ndarray) -> State:
    # Of 2^18 hashes a project has met some thousands: the zeros would be nearly all of the file.
    seen = np.flatnonzero(coef.any(axis=0))
    arrays = {"columns": seen.astype(np.int32), "values": coef[:, seen], "intercept": intercept}
    return {"n_features": int(coef.shape[1])}, arrays


def _unpacked(state: State) -> tuple[np.ndarray, np.ndarray]:
    values, arrays = state
    n_features = int(values["n_features"])
    if not 0 < n_features <= MOST_FEATURES or len(arrays["values"]) > MOST_CLASSES:
        raise ValueError(f"{n_features} features, {len(arrays['values'])} rows")
    coef = np.zeros((arrays["values"].shape[0], n_features))
    coef[:, arrays["columns"]] = arrays["values"]
    return coef, arrays["intercept"]
