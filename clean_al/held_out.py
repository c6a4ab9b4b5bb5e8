"""What a model says of labeled items that it did not see: by folds, each left out of a fit once."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold

from clean_al.fitting import TooFewLabels, fitted
from clean_al.labeled import Labeled
from clean_al.learners import PreparedRows, SparseLogisticRegression, class_probabilities
from clean_al.multilabel import PerLabelClassifier

FOLDS = 5
# Below, twice as many folds: what a model learns of four fifths of few labels is clearly less, and the
# accuracy would come out low (docstrings, 500 labels: by three points).
MANY = 1000
NAME = "held out"


def held_out_predictions(model: Any, labeled: Labeled, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Confidence and correctness (0 or 1) of every labeled item, by models that did not see it.

    An item with several labels is right when all of them are. None when there are too few labels to hold any
    out.
    """
    p, y = held_out_probabilities(model, labeled, seed), labeled.y
    if p is None:
        return None
    if labeled.multilabel:
        return model.sureness(p), (model.decided(p) == y).all(axis=1).astype(float)
    return p.max(axis=1), (labeled.classes[p.argmax(axis=1)] == y).astype(float)


def held_out_probabilities(model: Any, labeled: Labeled, seed: int = 0) -> np.ndarray | None:
    """Class probabilities of every labeled item, by clones of a model that did not see it.

    Parameters
    ----------
    model : classifier; clones of it are fitted, 5, or 10 below 1,000 labels
    labeled : its labels; what is found is kept there, so that asking again for the same model costs nothing

    Returns
    -------
    Array of shape (n, n_classes), columns as in `labeled.classes`; of a class that a fit did not see, 0. None
    when there are too few labels to hold any out.
    """
    kept = labeled.memory.get(NAME)
    if kept is None or kept[0] is not model or kept[1] != seed:
        found = _of_sets(model, labeled, seed) if labeled.multilabel else _of_classes(model, labeled, seed)
        kept = labeled.memory[NAME] = (model, seed, found)
    probabilities: np.ndarray | None = kept[2]
    return probabilities


def _of_classes(model: Any, labeled: Labeled, seed: int) -> np.ndarray | None:
    y = labeled.y
    if len(y) < 2 * FOLDS or np.unique(y, return_counts=True)[1].max() == len(y):
        return None
    table = np.zeros((len(y), len(labeled.classes)))
    for train, test in _folds(y, seed):
        # "Not known" then, and no estimate of the easier rest.
        if len(np.unique(y[train])) < 2:
            return None
        try:
            refit, unseen = _refit(model, labeled, train, test)
        except TooFewLabels:
            return None
        columns = np.searchsorted(labeled.classes, refit.classes_)
        table[np.ix_(test, columns)] = class_probabilities(refit, unseen)
    return table


def _of_sets(model: Any, labeled: Labeled, seed: int) -> np.ndarray | None:
    y = labeled.y
    if len(y) < 2 * FOLDS:
        return None
    table = np.zeros(y.shape)
    n_folds = FOLDS if len(y) >= MANY else 2 * FOLDS
    for train, test in KFold(n_folds, shuffle=True, random_state=seed).split(y):
        try:
            refit, unseen = _refit(model, labeled, train, test)
        except TooFewLabels:
            return None
        table[test] = refit.predict_proba(unseen)
    return table


def _refit(model: Any, labeled: Labeled, train: np.ndarray, test: np.ndarray) -> tuple[Any, Any]:
    """Return a copy of the model that has seen some of the items, and the others as it reads them."""
    places = _places(model, labeled, len(train))
    if places is not None:
        return _unfitted(model).fit(PreparedRows.placed(places[train]), labeled.y[train]), places[test]
    if labeled.multilabel:
        return _unfitted(model).fit(labeled.X[train], labeled.y[train]), labeled.X[test]
    return fitted(clone(model), labeled.X[train], labeled.y[train]), labeled.X[test]


def _unfitted(model: Any) -> Any:
    return model.unfitted() if isinstance(model, PerLabelClassifier) else clone(model)


def _places(model: Any, labeled: Labeled, n_fitted: int) -> np.ndarray | None:
    """Return where all items lie in the space that they span; None where that saves nothing.

    Of shape (n, n_directions). The same for every fold of one size and for every question about these items:
    it is worked out once.
    """
    learner = model.estimator if isinstance(model, PerLabelClassifier) else model
    if not isinstance(learner, SparseLogisticRegression):
        return None
    wanted = learner.preparation(n_fitted)
    if wanted not in labeled.row_memory:
        space = learner.prepared(labeled.X, n_fitted).space
        labeled.row_memory[wanted] = None if space is None else space.coordinates
    places: np.ndarray | None = labeled.row_memory[wanted]
    return places


def _folds(y: np.ndarray, seed: int) -> Any:
    """Every class in every fold where there are enough of it; more folds while labels are few."""
    n_folds = FOLDS if len(y) >= MANY else 2 * FOLDS
    # scikit-learn warns where a class has fewer members than there are folds, and cannot keep its promise
    # anyway.
    rarest = np.unique(y, return_counts=True)[1].min()
    kind = StratifiedKFold if rarest >= n_folds else KFold
    return kind(n_folds, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
