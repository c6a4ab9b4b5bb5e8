"""Estimators by name, and class probabilities from any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from clean_al.neighborhoods import Neighborhoods
from clean_al.row_space import RowSpace


@dataclass(frozen=True)
class PreparedRows:
    """Rows as a logistic regression is fitted on them, worked out once for any number of labels.

    Attributes
    ----------
    X : array or CSR matrix
    space : the space that the rows span; None where a fit goes by the features themselves
    scale : array of shape (n_features,), what the columns were multiplied with; None for nothing
    turned_for : for how many labels neighborhoods have turned the rows before that; 0 where they have not
    """

    X: Any
    space: RowSpace | None
    scale: np.ndarray | None = None
    turned_for: int = 0

    @classmethod
    def placed(cls, coordinates: np.ndarray) -> PreparedRows:
        """Return rows by their coordinates: a model that is fitted on them reads such rows alone."""
        return cls(coordinates, None)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.X.shape)


class SparseLogisticRegression(LogisticRegression):
    """Logistic regression that fits sparse X on what its rows span, or on the features that occur in it.

    Under the L2 penalty all other weights are zero anyway: the same model, in a fraction of the time when few
    labels meet many features.
    """

    def prepared(self, X: Any, n_fitted: int | None = None) -> PreparedRows:
        """Return rows that `fit` takes in place of X, several times without working them out anew.

        Parameters
        ----------
        n_fitted : how many of them will be fitted at once, as when some are held out; all by default
        """
        # Other penalties and solvers see the axes, not the directions alone.
        turns = self.solver == "lbfgs" and not self.l1_ratio and self.penalty in ("deprecated", "l2")
        return PreparedRows(X, RowSpace.of(X) if turns else None)

    def preparation(self, n_fitted: int) -> tuple[Any, ...]:
        """Return all that `prepared` goes by besides the rows: where it is the same, so are the rows."""
        return self.solver, self.l1_ratio, self.penalty

    def strength(self, n: int) -> float | None:
        """Return by how much n items outweigh the penalty; None where that is not this and L2 alone."""
        plain = self.solver == "lbfgs" and not self.l1_ratio and self.penalty in ("deprecated", "l2")
        return float(self.C) if plain and self.fit_intercept and self.class_weight is None else None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SparseLogisticRegression:
        """Fit the model; see the class."""
        rows = X if isinstance(X, PreparedRows) else self.prepared(X)
        X = rows.X
        # Without a stored number no column would be left to fit on.
        if not sparse.issparse(X) or X.nnz == 0:
            return super().fit(X, y, sample_weight)
        if rows.space is not None:
            super().fit(rows.space.coordinates, y, sample_weight)
            self.coef_ = rows.space.weights(np.asarray(self.coef_), X.dtype)  # type: ignore[has-type]
        else:
            seen = np.unique(X.indices)
            super().fit(X[:, seen], y, sample_weight)
            found = np.asarray(self.coef_)
            self.coef_ = np.zeros((found.shape[0], X.shape[1]), found.dtype)
            self.coef_[:, seen] = found
        # The fit above saw fewer columns, and scikit-learn would refuse X as given at predict.
        self.n_features_in_ = X.shape[1]
        return self


class SketchedLogisticRegression(SparseLogisticRegression):
    """Logistic regression that leans on the sketch in its first columns while labels are few, later less.

    A long column is regularized little. With few labels the sketch should decide, with many the single words
    beside it; so from FEW labels on the sketch is shortened by (FEW / n) ^ 0.75 for the fit. The weights
    found are those for X as given: it predicts, and is stored, like any other logistic regression. Below FEW
    labels each counts FEW / n times: a penalty that outweighs 20 labels would leave all classes nearly alike.

    Parameters
    ----------
    n_sketch : int
        Columns of the sketch, the first ones of X; see `TextRepresentation`.
    C, max_iter, random_state : as in scikit-learn's LogisticRegression
    neighborhoods : Neighborhoods or None
        Of the pool: the fit leans on directions in which neighbors are alike. The weights are for X as given.
    """

    FEW = 300

    def __init__(
        self,
        n_sketch: int = 0,
        C: float = 10.0,
        max_iter: int = 1000,
        random_state: Any = None,
        neighborhoods: Neighborhoods | None = None,
    ):
        super().__init__(C=C, max_iter=max_iter, random_state=random_state)
        self.n_sketch = n_sketch
        self.neighborhoods = neighborhoods

    def prepared(self, X: Any, n_fitted: int | None = None) -> PreparedRows:
        """Return rows that `fit` takes in place of X: turned, their sketch shortened; see the base class."""
        n = n_fitted or X.shape[0]
        turned_for = n if self.neighborhoods is not None else 0
        if self.neighborhoods is not None:
            X = self.neighborhoods.turned(X, n)
        share = self._share(n)
        if share == 1.0 or self.n_sketch == 0:
            return replace(super().prepared(X), turned_for=turned_for)
        scale = np.ones(X.shape[1], X.dtype)
        scale[: self.n_sketch] = share
        scaled = (X @ sparse.diags(scale)).tocsr() if sparse.issparse(X) else X * scale
        return replace(super().prepared(scaled), scale=scale, turned_for=turned_for)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SketchedLogisticRegression:
        """Fit the model; see the class."""
        rows = X if isinstance(X, PreparedRows) else self.prepared(X)
        few = self._few(rows.shape[0])
        if few > 1 and self.n_sketch:
            # As C * FEW / n, which as a parameter would not be the caller's any more.
            counted = np.ones(rows.shape[0]) if sample_weight is None else np.asarray(sample_weight)
            sample_weight = few * counted
        super().fit(rows, y, sample_weight)
        if rows.scale is not None:
            # (scale * x) . w = x . (scale * w): the same model, for rows that are not shortened.
            self.coef_ = self.coef_ * rows.scale
        if rows.turned_for and self.neighborhoods is not None:
            self.coef_ = self.neighborhoods.weights(self.coef_, rows.turned_for)
        return self

    def strength(self, n: int) -> float | None:
        """Return by how much n items outweigh the penalty; see the base class."""
        plain = super().strength(n)
        return plain if plain is None or not self.n_sketch else plain * max(self._few(n), 1.0)

    def preparation(self, n_fitted: int) -> tuple[Any, ...]:
        by_number = self._share(n_fitted), n_fitted if self.neighborhoods is not None else 0
        return *super().preparation(n_fitted), self.n_sketch, self.neighborhoods, *by_number

    def _share(self, n: int) -> float:
        return min(1.0, float(self._few(n)) ** 0.75)

    def _few(self, n: int) -> float:
        return self.FEW / max(n, 1)


LEARNERS: dict[str, Callable[[], Any]] = {
    # 1000 steps: on raw features the default of 100 ends before it has converged, with a warning at each
    # round.
    "logistic_regression": lambda: SparseLogisticRegression(max_iter=1000),
    "random_forest": RandomForestClassifier,
    "extra_trees": ExtraTreesClassifier,
    "linear_svm": LinearSVC,
    "naive_bayes": MultinomialNB,
    "gaussian_naive_bayes": GaussianNB,
    "k_neighbors": KNeighborsClassifier,
}


def make_learner(estimator: Any, seed: int | None = None, name: str = "estimator") -> Any:
    """Return an unfitted copy of the estimator, seeded if it takes a seed and has none.

    Parameters
    ----------
    estimator : None, str or classifier
        None is logistic regression; a name is one of `LEARNERS`; the caller's own object is cloned.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If the object is no classifier that can rank: it needs fit, and predict_proba or decision_function.
    """
    if estimator is None:
        estimator = "logistic_regression"
    if isinstance(estimator, str):
        if estimator not in LEARNERS:
            raise ValueError(f"{name}={estimator!r} is unknown; choose one of {', '.join(sorted(LEARNERS))}")
        model = LEARNERS[estimator]()
    else:
        _check_learner(estimator, name)
        model = clone(estimator)
    # Nested ones too (a pipeline's step__random_state): one open seed makes every round another one.
    seeds = {key: seed for key, value in model.get_params().items() if _is_open_seed(key, value)}
    return model.set_params(**seeds) if seed is not None and seeds else model


def _check_learner(estimator: Any, name: str) -> None:
    if isinstance(estimator, type):
        raise TypeError(f"{name} must be an object, not a class: write {estimator.__name__}()")
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise TypeError(f"{name} must be a scikit-learn classifier, not {type(estimator).__name__}")
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise TypeError(
            f"{name}={type(estimator).__name__} has neither predict_proba nor decision_function: "
            "wrap it in sklearn.calibration.CalibratedClassifierCV"
        )
    # SVC(decision_function_shape="ovo") gives k (k - 1) / 2 columns, which softmax would take for classes.
    pairwise = getattr(estimator, "decision_function_shape", None) == "ovo"
    if pairwise and not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{name}={type(estimator).__name__} decides between pairs of classes, which ranks none of them: "
            'set decision_function_shape="ovr"'
        )


def _is_open_seed(key: str, value: Any) -> bool:
    return value is None and (key == "random_state" or key.endswith("__random_state"))


def class_probabilities(model: Any, X: Any) -> np.ndarray:
    """Return class probabilities of shape (n, n_classes), columns in the order of `model.classes_`.

    Models without predict_proba give the softmax (two classes: the sigmoid) of their decision function:
    not calibrated, but in the right order.
    """
    if _is_softmax(model):
        return _softmax_probabilities(model, X)
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X))
    scores = np.asarray(model.decision_function(X))
    if scores.ndim == 1:
        positive = expit(scores)
        return np.column_stack([1 - positive, positive])
    return softmax(scores, axis=1)


def column_probabilities(models: Sequence[Any], X: Any) -> np.ndarray:
    """Return what each of several yes-or-no models says of "yes", shape (n, n_models).

    The weights of those that are logistic regressions meet X in one product: many labels, one pass over it.
    """
    table = np.empty((X.shape[0], len(models)), dtype=X.dtype if X.dtype.kind == "f" else np.float64)
    linear = [j for j, model in enumerate(models) if _is_softmax(model) and len(model.coef_) == 1]
    for j, model in enumerate(models):
        if isinstance(model, float):
            table[:, j] = model
        elif j not in set(linear):
            table[:, j] = class_probabilities(model, X)[:, 1]
    if linear:
        weights = np.vstack([models[j].coef_ for j in linear]).astype(X.dtype)
        offsets = np.concatenate([models[j].intercept_ for j in linear]).astype(X.dtype)
        table[:, linear] = expit(np.asarray(X @ np.ascontiguousarray(weights.T)) + offsets)
    return table


def _is_softmax(model: Any) -> bool:
    """Logistic regression proper, not its one-versus-rest forms."""
    if not isinstance(model, LogisticRegression):
        return False
    # A subclass of the caller's may calibrate or clip: its word counts.
    if type(model).predict_proba is not LogisticRegression.predict_proba:
        return False
    # Those normalize one sigmoid per class, which is no softmax.
    return model.solver != "liblinear" and getattr(model, "multi_class", "auto") != "ovr"


def _softmax_probabilities(model: LogisticRegression, X: Any) -> np.ndarray:
    """What predict_proba gives, in the dtype of X and without its checks and copies: X was checked before.

    Worked out class by class, and so laid out in memory: sums and maxima over few classes take numpy a
    fraction of the time that they take row by row.
    """
    weights = np.ascontiguousarray(model.coef_, dtype=X.dtype)
    logits = np.ascontiguousarray((X @ weights.T).T) if sparse.issparse(X) else weights @ X.T
    logits += model.intercept_.astype(X.dtype)[:, None]
    if len(logits) == 1:
        positive = expit(logits[0])
        return np.stack([1 - positive, positive]).T
    # exp overflows in float32 from 89 on; the softmax does not change when all logits fall alike.
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits.T
