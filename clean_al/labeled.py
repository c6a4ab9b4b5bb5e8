"""The labels so far: grown by updates, never changed in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from clean_al.columns import Columns
from clean_al.multilabel import PerLabelClassifier
from clean_al.points import Points


@dataclass(frozen=True)
class Labeled:
    """Everything that has a label.

    Attributes
    ----------
    X : array or CSR matrix of shape (n, n_features)
    y : array of shape (n,), or of shape (n, n_labels) with 0 and 1 for multilabel tasks
    embedding : array of shape (n, d) in the space of distances, or None where that is X
    uniform : bool array of shape (n,), which items were drawn uniformly at random
    columns : the columns of the frames that X was made of, or None
    memory : what was found out about these labels and is asked for more than once
    row_memory : the same about the rows alone, whatever their labels; see `share_rows`
    """

    X: Any
    y: np.ndarray
    embedding: np.ndarray | None
    uniform: np.ndarray
    columns: Columns | None = None
    memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    row_memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def multilabel(self) -> bool:
        """Whether an item can have several labels."""
        return self.y.ndim == 2

    @cached_property
    def classes(self) -> np.ndarray:
        """The classes seen, sorted; the columns of a multilabel y."""
        return np.arange(self.y.shape[1]) if self.multilabel else np.unique(self.y)

    @cached_property
    def points(self) -> Points:
        """The items as points of the space of distances."""
        return Points(self.X if self.embedding is None else self.embedding)

    def share_rows(self, other: Labeled) -> None:
        """Work out once for both what the rows alone decide: of several questions about the same items.

        Raises
        ------
        ValueError
            If the rows are not the same.
        """
        if self is not other and not _are_same(self.X, other.X):
            raise ValueError("only labels of the same rows can share them: fit both on the same X")
        # Changed in place: the labels themselves stay as they are.
        other.row_memory.update(self.row_memory)
        object.__setattr__(self, "row_memory", other.row_memory)

    def learnable_by(self, model: Any, n_jobs: int | None) -> Any:
        """The model itself, or one copy of it for each label of a multilabel task."""
        return PerLabelClassifier(model, n_jobs) if self.multilabel else model

    def extended(self, other: Labeled) -> Labeled:
        """These labels and the other ones."""
        if (self.embedding is None) != (other.embedding is None):
            raise ValueError("embedding was given to only some of fit, update and select: give it to all")
        if self.y.ndim != other.y.ndim or _kind(self.y) != _kind(other.y):
            raise ValueError(f"y has {_shape(other.y)}, earlier ones were {_shape(self.y)}: use one kind")
        both = None
        if self.embedding is not None and other.embedding is not None:
            both = np.vstack([self.embedding, other.embedding])
        y, uniform = np.concatenate([self.y, other.y]), np.concatenate([self.uniform, other.uniform])
        return Labeled(_stacked(self.X, other.X), y, both, uniform, self.columns)

    def check_same_space(self, embedding: np.ndarray | None) -> None:
        """Raise a ValueError unless a pool's embedding goes with the one of these items."""
        if (self.embedding is None) != (embedding is None):
            raise ValueError("embedding was given to only one of fit and select: give it to both")
        if embedding is not None and embedding.shape[1] != self.points.X.shape[1]:
            raise ValueError(
                f"embedding has {embedding.shape[1]} columns, in fit it had {self.points.X.shape[1]}: "
                "use one transformer for both"
            )


def _stacked(a: Any, b: Any) -> Any:
    if sparse.issparse(a) or sparse.issparse(b):
        # One sparse batch makes all sparse: made dense, a vocabulary of columns would not fit into memory.
        return sparse.csr_matrix(sparse.vstack([sparse.csr_matrix(a), sparse.csr_matrix(b)]))
    return np.vstack([a, b])


def _are_same(a: Any, b: Any) -> bool:
    if a.shape != b.shape or sparse.issparse(a) != sparse.issparse(b):
        return False
    if not sparse.issparse(a):
        return np.array_equal(a, b)
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("indptr", "indices", "data"))


def _kind(labels: np.ndarray) -> str:
    return "number" if labels.dtype.kind in "biuf" else "other"


def _shape(labels: np.ndarray) -> str:
    columns = f", {labels.shape[1]} columns" if labels.ndim == 2 else ""
    return f"{labels.dtype} labels{columns}"
