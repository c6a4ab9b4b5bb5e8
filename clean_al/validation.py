"""What the sampler accepts, checked once at the door; every message names the parameter and the fix."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from clean_al.columns import Columns, is_frame, is_missing, listed

FLOATS = (np.float64, np.float32)


def check_features(
    X: Any,
    name: str = "X",
    *,
    n_features: int | None = None,
    finite: bool = True,
    columns: Columns | None = None,
) -> Any:
    """Return X as a float32 or float64 array of shape (n, d), dense or CSR.

    Arrays that already are so come back as they are, without a copy. Of a frame's columns, those that hold no
    numbers need a table of columns that knows them.

    Parameters
    ----------
    finite : whether NaN is refused; infinity always is
    """
    if is_frame(X):
        X = (columns or _numeric_columns(X, name)).array(X, name)
    if sparse.issparse(X) and X.format != "csr":
        X = X.tocsr()
    ready = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype in FLOATS and X.size > 0
    # The usual pool is ready: check_array would read it twice and may copy it.
    if not (ready and _all_finite(X)):
        try:
            X = check_array(
                X,
                accept_sparse="csr",
                dtype=list(FLOATS),
                input_name=name,
                ensure_min_samples=0,
                ensure_all_finite=True if finite else "allow-nan",
            )
        except ValueError as error:
            # From None: the chain of scikit-learn's own frames hides the sentence that helps.
            raise ValueError(_explained(str(error), name, finite)) from None
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(
            f"{name} has {X.shape[1]} features, but the sampler was fitted with {n_features}: "
            "transform both with the same vectorizer"
        )
    return X


def checked_rows(X: Any, name: str, *, n_features: int | None = None, finite: bool = True) -> Any:
    """Return X as `check_features` does, but a frame as it is: what it holds is checked when it is used."""
    if not is_frame(X):
        return check_features(X, name, n_features=n_features, finite=finite)
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(f"{name} has {X.shape[1]} columns, but the sampler was fitted with {n_features}")
    return X


def rows_of(X: Any, rows: np.ndarray) -> Any:
    """These rows of an array, a matrix or a frame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _numeric_columns(X: Any, name: str) -> Columns:
    columns = Columns(X)
    if columns.values:
        raise ValueError(f"{name} must hold numbers, but its columns {listed(list(columns.values))} do not")
    return columns


def _explained(message: str, name: str, finite: bool) -> str:
    if "convert" in message:
        return f"{name} must hold numbers: {message}"
    if finite and "contains NaN" in message and name != "embedding":
        return f"{message} Fill the gaps, or give an estimator that takes them and a finite embedding."
    return message


def _all_finite(X: np.ndarray) -> bool:
    """A quick yes: one product reads X once; overflow only sends X to the thorough check."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(X @ np.ones(X.shape[1], X.dtype)).all())


def check_embedding(embedding: Any, n_rows: int, name: str = "embedding") -> np.ndarray | None:
    """Return the embedding as a dense float array of shape (n_rows, d), or None as None."""
    if embedding is None:
        return None
    if sparse.issparse(embedding):
        raise TypeError(f"{name} must be dense: give a low-rank array such as TruncatedSVD's output")
    array = check_features(embedding, name)
    if array.shape[0] != n_rows:
        raise ValueError(f"{name} has {array.shape[0]} rows for {n_rows} rows of X: they go together")
    return array


def check_labels(y: Any, n_rows: int, name: str = "y") -> np.ndarray:
    """Return y as n_rows labels, none missing: one each, or a multilabel row of 0 and 1 each."""
    labels = np.asarray(y.toarray() if sparse.issparse(y) else y)
    # A column of a frame: scikit-learn itself flattens it, with a warning.
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.ravel()
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and np.isin(labels, (0, 1)).all():
        labels = labels.astype(np.intp)
    elif labels.ndim != 1:
        raise ValueError(
            f"{name} must have one label per row, shape ({n_rows},), or 0 and 1 in shape "
            f"({n_rows}, n_labels) for a multilabel task, not {labels.dtype} of shape {labels.shape}"
        )
    if labels.shape[0] != n_rows:
        raise ValueError(f"{name} has {labels.shape[0]} labels for {n_rows} rows of X")
    if _has_missing(labels):
        raise ValueError(f"{name} has missing labels (None or NaN): leave those rows out")
    if labels.dtype.kind == "O" and not _is_sortable(labels):
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise ValueError(
            f"{name} mixes labels of different kinds ({kinds}): make them all strings, or all numbers"
        )
    return labels


def _is_sortable(labels: np.ndarray) -> bool:
    try:
        np.unique(labels)
    except TypeError:
        return False
    return True


def _has_missing(labels: np.ndarray) -> bool:
    if labels.dtype.kind == "f":
        return bool(np.isnan(labels).any())
    if labels.dtype.kind == "O":
        return any(is_missing(v) for v in labels)
    return False


def as_numbers(values: Any, name: str, of: str) -> np.ndarray:
    """Return values as an array of floats; `of` says which numbers are wanted."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, {of}") from None


def check_costs(costs: Any, n_rows: int) -> np.ndarray | None:
    """Return what each item costs as floats of shape (n_rows,), all above zero; None as None."""
    if costs is None:
        return None
    array = as_numbers(costs, "costs", f"one per row of X, shape ({n_rows},)")
    if array.shape != (n_rows,):
        raise ValueError(f"costs must have one number per row of X, shape ({n_rows},), not {array.shape}")
    if not np.isfinite(array).all() or (array <= 0).any():
        raise ValueError("costs must be finite and above zero: give items of no cost a small one")
    return array


def check_doubt(doubt: Any, n_rows: int) -> np.ndarray | None:
    """Return doubts from outside as floats of shape (n_rows,), higher for less sure; None as None."""
    if doubt is None:
        return None
    array = as_numbers(doubt, "doubt", f"one per row of X, shape ({n_rows},)")
    if array.shape != (n_rows,):
        raise ValueError(f"doubt must have one number per row of X, shape ({n_rows},), not {array.shape}")
    if not np.isfinite(array).all():
        rows = np.flatnonzero(~np.isfinite(array))[:5].tolist()
        raise ValueError(f"doubt must be finite, rows {rows} are not: give unknown items the highest doubt")
    return array


def check_mask(mask: Any, n_rows: int, name: str) -> np.ndarray:
    """Return a mask as bools of shape (n_rows,); a single bool stands for all rows."""
    array = np.asarray(mask)
    if array.dtype != bool or array.shape not in ((), (n_rows,)):
        raise ValueError(f"{name} must be one bool per row of X, shape ({n_rows},)")
    return np.array(np.broadcast_to(array, n_rows))


def check_count(value: Any, name: str, *, low: int = 1, high: int | None = None, of: str = "") -> int:
    """Return value as an int within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    count = int(value)
    if count < low or (high is not None and count > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}{of}"
        raise ValueError(f"{name} must be {bounds}, got {count}")
    return count


def check_number(value: Any, name: str, *, low: float = 0.0, high: float | None = None) -> float:
    """Return value as a finite float within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    number = float(value)
    if not np.isfinite(number) or number < low or (high is not None and number > high):
        bounds = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
        raise ValueError(f"{name} must be {bounds}, got {value!r}")
    return number


def check_confidence(value: Any) -> float:
    """Return the nominal coverage of an interval, a float within [0.01, 0.999]."""
    return check_number(value, "confidence", low=0.01, high=0.999)


def check_option(value: Any, name: str, valid: Iterable[str]) -> str:
    """Return value if it is one of the valid names; the error lists them."""
    names = sorted(valid)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(names)}")
    return value


@dataclass(frozen=True)
class Weights:
    """Shares of a batch's attention; they add up to one."""

    uncertainty: float
    diversity: float
    exploration: float


def resolve_weights(uncertainty: Any, diversity: Any, exploration: Any) -> Weights:
    """Return the three weights, missing ones filled in so that they add up to one.

    What is left after the given weights goes to the missing one; if both uncertainty and diversity
    are missing they share it equally.

    Raises
    ------
    ValueError
        If a weight is outside [0, 1], or the given ones cannot add up to one.
    """
    e = check_number(0.0 if exploration is None else exploration, "exploration_weight", high=1.0)
    u = None if uncertainty is None else check_number(uncertainty, "uncertainty_weight", high=1.0)
    d = None if diversity is None else check_number(diversity, "diversity_weight", high=1.0)
    rest = 1.0 - e - (u or 0.0) - (d or 0.0)
    # 1e-6, as 0.1 + 0.2 + 0.7 is not 1 in floats.
    if rest < -1e-6 or (u is not None and d is not None and rest > 1e-6):
        raise ValueError(
            f"uncertainty_weight, diversity_weight and exploration_weight must add up to 1, got "
            f"{u or 0:g} + {d or 0:g} + {e:g}: change one, or leave one at None to be filled in"
        )
    if u is None and d is None:
        u = d = rest / 2
    # Within that tolerance the rest can be below zero, and a negative weight would turn a ranking around.
    return Weights(u if u is not None else max(rest, 0.0), d if d is not None else max(rest, 0.0), e)
