"""Many features, few rows: where the rows lie in the space that they span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

# The cube of the rows is what it costs; above, plain fits are as quick.
MOST_ROWS = 1000
# A direction in which the rows lie this much closer together than in the widest one is rounding.
FLAT = 1e-10


@dataclass(frozen=True)
class RowSpace:
    """The coordinates of some rows on an orthonormal basis of the space that they span.

    Under an L2 penalty the weights of a linear model lie in that space, whatever the labels. So models are
    fitted on the coordinates, of which there are no more than rows, and are the same as on all features.

    Attributes
    ----------
    coordinates : array of shape (n_rows, n_directions), float64

    References
    ----------
    Kimeldorf and Wahba, Some results on Tchebycheffian spline functions, 1971 (the representer theorem).
    """

    coordinates: np.ndarray
    _combinations: np.ndarray
    _rows: sparse.csr_matrix
    _seen: np.ndarray
    _n_features: int

    @classmethod
    def of(cls, X: Any) -> Self | None:
        """Return the space of sparse rows; None where it saves nothing, or the rows are not finite."""
        if not sparse.issparse(X) or X.nnz == 0 or not 1 < X.shape[0] <= min(MOST_ROWS, X.shape[1]):
            return None
        seen = np.unique(X.tocsr().indices)
        rows = X.tocsr()[:, seen].astype(np.float64)
        products = (rows @ rows.T).toarray()
        if not np.isfinite(products).all():
            return None
        squares, vectors = np.linalg.eigh(products)
        kept = squares > FLAT * squares[-1]
        lengths, vectors = np.sqrt(squares[kept]), vectors[:, kept]
        return cls(vectors * lengths, vectors / lengths, rows, seen, X.shape[1])

    def weights(self, found: np.ndarray, dtype: Any) -> np.ndarray:
        """Return weights for the features, of shape (n, n_features), from weights for the coordinates."""
        # Most features occur in none of the rows: their weights are zeros, and need not be worked out.
        table = np.zeros((len(found), self._n_features), dtype)
        table[:, self._seen] = np.asarray(self._rows.T @ (self._combinations @ found.T)).T
        return table
