"""What logistic regressions would say of each item had they not seen it, without fitting them anew.

One Newton step from the fitted weights, exact where the loss is quadratic: Rad & Maleki, A Scalable Estimate
of the Out-of-Sample Prediction Error via Approximate Leave-One-Out Cross-Validation, JRSS B 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from clean_al.learners import PreparedRows, SparseLogisticRegression

# An item that alone decides its own answer tells nothing of the others: its step would be endless.
MOST_LEVERAGE = 0.999
# Of n items a label costs n * min(n, n_features)^2: at 400 items of text about what its fit does.
MOST_ITEMS = 400


def most_rows(n: int, n_features: int) -> int:
    """Return of how many of n items each can be left out in bearable time."""
    if n <= MOST_ITEMS:
        return n
    return min(n, max(MOST_ITEMS, MOST_ITEMS**3 // max(n_features, 1) ** 2))


def left_out(
    estimator: Any, X: Any, rows: PreparedRows, models: Sequence[Any], y: np.ndarray
) -> np.ndarray | None:
    """Return the probability of each label for each item by models that have not seen the item.

    Parameters
    ----------
    estimator : what the models are copies of
    X : array or CSR matrix of shape (n, n_features), the items
    rows : what the models were fitted on in their place
    models : one for each column of y: fitted, or the share that stands in for one
    y : array of shape (n, n_labels), 0 and 1

    Returns
    -------
    Array of shape (n, n_labels); None where the models are no logistic regressions under an L2 penalty.
    """
    found = coordinates(rows)
    strength = estimator.strength(len(y)) if isinstance(estimator, SparseLogisticRegression) else None
    # A subclass of the caller's may say something else than its weights do.
    plain = type(estimator).predict_proba is LogisticRegression.predict_proba
    if found is None or strength is None or not plain:
        return None
    # The intercept is the last column, and goes without a penalty.
    D = np.column_stack([found, np.ones(len(found))])
    penalty = np.append(np.full(D.shape[1] - 1, 1 / strength), 1e-9)
    columns = [_column(D, penalty, m, X, y[:, j]) for j, m in enumerate(models)]
    return np.column_stack(columns)


def coordinates(rows: PreparedRows) -> np.ndarray | None:
    """Return rows by at most as many numbers as rows, with the same products; None where there is no way."""
    if rows.space is not None:
        return rows.space.coordinates
    if sparse.issparse(rows.X) and rows.shape[1] > rows.shape[0]:
        return None
    X = np.asarray(rows.X.toarray() if sparse.issparse(rows.X) else rows.X, np.float64)
    if X.shape[1] <= len(X):
        return X
    squares, vectors = np.linalg.eigh(X @ X.T)
    return np.asarray(vectors * np.sqrt(np.maximum(squares, 0)))


def _column(D: np.ndarray, penalty: np.ndarray, model: Any, X: Any, y: np.ndarray) -> np.ndarray:
    if isinstance(model, float):
        return np.full(len(y), model)
    # Weights are for items as they are given, whatever was done to the rows for the fit.
    z = np.asarray(X @ np.asarray(model.coef_[0], np.float64) + model.intercept_[0], np.float64)
    p = expit(z)
    curve = p * (1 - p)
    turned = np.linalg.solve((D * curve[:, None]).T @ D + np.diag(penalty), D.T)
    reach = np.einsum("ij,ji->i", D, turned)
    return np.asarray(expit(z + reach / (1 - np.minimum(reach * curve, MOST_LEVERAGE)) * (p - y)))
