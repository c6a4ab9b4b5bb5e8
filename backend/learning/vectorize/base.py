"""What the loop needs of a vectorizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

# What a fitted vectorizer is made of: JSON values and arrays, so that no pickle is ever stored.
State = tuple[dict[str, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Features:
    """The numbers of some tasks, row by row.

    Attributes
    ----------
    X : array or CSR matrix of shape (n_tasks, n_features), float32
        What the classifier reads.
    embedding : array of shape (n_tasks, n_dimensions), float32
        Where distances between tasks are measured.
    readable : array of shape (n_tasks,), bool
        False where the task's data could not be read; its row is zero.
    """

    X: np.ndarray | sparse.csr_matrix
    embedding: np.ndarray
    readable: np.ndarray

    def __len__(self) -> int:
        return int(self.embedding.shape[0])

    def rows(self, index: np.ndarray) -> Features:
        """Return the features of the tasks at `index`; these very ones where that is all, in order."""
        if len(index) == len(self) and np.array_equal(index, np.arange(len(self))):
            return self
        X = self.X[index]
        embedding = X if self.embedding is self.X else self.embedding[index]
        return Features(X, embedding, self.readable[index])

    @staticmethod
    def concatenate(parts: Sequence[Features]) -> Features:
        """Return the features of several groups of tasks, one below the other."""
        if len(parts) == 1:
            return parts[0]
        matrices = [part.X for part in parts]
        stack = sparse.vstack(matrices, format="csr") if sparse.issparse(matrices[0]) else np.vstack(matrices)
        same = all(part.embedding is part.X for part in parts)
        return Features(
            stack,
            stack if same else np.vstack([part.embedding for part in parts]),
            np.concatenate([part.readable for part in parts]),
        )


class Vectorizer(Protocol):
    """Turns task values (texts, image bytes, numbers) into features."""

    def fit(self, values: Sequence[Any]) -> Vectorizer:
        """Learn scales and vocabularies from the pool; labels are never seen here."""

    def transform(self, values: Sequence[Any]) -> Features:
        """Return the features of `values`; None stands for a value that could not be read."""

    def state(self) -> State:
        """Return everything that `from_state` needs."""

    @classmethod
    def from_state(cls, state: State) -> Vectorizer:
        """Return the vectorizer that gave `state`."""
