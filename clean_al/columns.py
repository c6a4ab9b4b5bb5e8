"""Data frames inside the sampler: held as numbers, given back to the user's estimator with names and kinds.

A pool is sliced, stacked and spread over processes as an array, so a frame becomes one: numeric columns as
they are, others as the place of their value in a table that only ever grows. Before the estimator sees rows,
they are made a frame again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if

# Beyond it floats skip integers: long identifiers would become each other, so they are held as values.
EXACT = 2.0**53
MISSING_NAMES = ("NAType", "NaTType")  # pandas has these for "no value"; it need not be installed


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: None, NaN, or what pandas has for it."""
    return (
        value is None
        or type(value).__name__ in MISSING_NAMES
        or (isinstance(value, float) and value != value)
    )


def is_frame(X: Any) -> bool:
    """Whether X has named columns, as pandas and polars have them; frames of sparse columns are matrices."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and len(X.columns) > 0 and not hasattr(X, "sparse")


class Columns:
    """Names, kinds and, where they hold no numbers, the values of a frame's columns.

    Parameters
    ----------
    frame : pandas or polars DataFrame that says which columns there are
    """

    def __init__(self, frame: Any):
        self.names = list(frame.columns)
        self.kind = type(frame)
        self.dtypes = dict(zip(self.names, list(frame.dtypes), strict=True))
        self.values: dict[Any, list[Any]] = {}
        self._places: dict[Any, dict[Hashable, int]] = {}
        for name in self.names:
            if _numbers(frame[name]) is None:
                self.values[name], self._places[name] = [], {}

    def __deepcopy__(self, memo: Any) -> Self:
        """Copies share the table: a clone must know the values that came after it."""
        return self

    def array(self, frame: Any, name: str = "X") -> np.ndarray:
        """The frame's rows as floats, shape (n, n_columns), in the order of the columns known."""
        missing = [column for column in self.names if column not in list(frame.columns)]
        if missing:
            raise ValueError(f"{name} lacks the columns {listed(missing)}: fit had {listed(self.names)}")
        columns = [self._column(frame[column], column, name) for column in self.names]
        # One float64 column makes all of them float64, as numpy's own stacking does; no value loses digits.
        single = all(column.dtype == np.float32 for column in columns)
        return np.column_stack(columns).astype(np.float32 if single else np.float64, copy=False)

    def frame(self, X: np.ndarray) -> Any:
        """Rows of `array` as a frame of the kind, names and types that fit had."""
        data = {name: self._restored(X[:, i], name) for i, name in enumerate(self.names)}
        frame = self.kind(data)
        dtypes = {
            name: self.dtypes[name]
            for i, name in enumerate(self.names)
            # A column of integers that has gaps here cannot be integers again: it stays floats with NaN.
            if name in self.values or not np.isnan(X[:, i]).any()
        }
        return frame.astype(dtypes) if hasattr(frame, "astype") else frame.cast(dtypes)

    def _column(self, column: Any, label: Any, name: str) -> np.ndarray:
        if label not in self.values:
            numbers = _numbers(column)
            if numbers is None:
                raise ValueError(f"column {label!r} of {name} must hold numbers, as it did in fit")
            return numbers
        places, values = self._places[label], self.values[label]
        result = np.full(len(column), np.nan)
        for row, value in enumerate(column):
            if is_missing(value):
                continue
            try:
                # New values go to the end: the places that labeled rows hold already must never shift.
                place = places.setdefault(value, len(values))
            except TypeError:
                raise ValueError(
                    f"column {label!r} of {name} holds {type(value).__name__} objects: make them strings or "
                    "numbers"
                ) from None
            if place == len(values):
                values.append(value)
            result[row] = place
        return result

    def _restored(self, numbers: np.ndarray, label: Any) -> Any:
        if label not in self.values:
            return numbers
        values = self.values[label]
        return [None if place != place else values[int(place)] for place in numbers.tolist()]


def _numbers(column: Any) -> np.ndarray | None:
    """A column as floats with NaN where it has no value; None if it holds anything but numbers."""
    array = np.asarray(column)
    if array.dtype.kind == "O":
        if not all(is_missing(v) or _is_number(v) for v in array):
            return None
        # pandas' nullable columns come as objects, with pd.NA for a gap, which float() refuses.
        array = np.array([np.nan if is_missing(v) else float(v) for v in array])
    if array.dtype.kind not in "biuf":
        return None
    floats = array.astype(np.float32 if array.dtype == np.float32 else np.float64)
    exact = array.dtype.kind == "f" or not len(array) or float(np.abs(floats).max()) < EXACT
    return floats if exact else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.number)) and not isinstance(value, complex)


def listed(names: list[Any]) -> str:
    """Names for a message, the first eight of them."""
    shown = ", ".join(repr(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _has(method: str) -> Any:
    return available_if(lambda self: hasattr(self.estimator, method))


class FrameClassifier(ClassifierMixin, BaseEstimator):
    """The user's estimator, which sees frames with the columns that fit had, never bare arrays.

    Parameters
    ----------
    estimator : classifier
    columns : Columns
    """

    def __init__(self, estimator: Any, columns: Columns):
        self.estimator = estimator
        self.columns = columns

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit the estimator on a frame."""
        self.estimator_ = clone(self.estimator).fit(self._frame(X), y)
        self.classes_ = getattr(self.estimator_, "classes_", np.unique(y))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The estimator's labels."""
        return np.asarray(self.estimator_.predict(self._frame(X)))

    @_has("predict_proba")
    def predict_proba(self, X: Any) -> np.ndarray:
        """The estimator's class probabilities."""
        return np.asarray(self.estimator_.predict_proba(self._frame(X)))

    @_has("decision_function")
    def decision_function(self, X: Any) -> np.ndarray:
        """The estimator's scores."""
        return np.asarray(self.estimator_.decision_function(self._frame(X)))

    def _frame(self, X: Any) -> Any:
        # Scorers of scikit-learn and the caller may hand over a frame themselves.
        return X if is_frame(X) else self.columns.frame(X)
