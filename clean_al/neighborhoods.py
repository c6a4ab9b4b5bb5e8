"""What unlabeled items teach a linear model: in which directions of the features neighbors are alike.

Items near each other mostly have the same label. So a direction in which neighbors hardly differ, though the
pool does, tells more of labels than one in which they scatter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import linalg, sparse

# All pairs of 2,000 rows are 16 MB; more of them teach a little more.
MOST_ROWS, FEWEST_ROWS = 2000, 30
NEIGHBORS = 10
# A column that fewer rows have is a word, say: what is rare lies in no direction of the whole pool.
SHARE_OF_ROWS = 0.5
MOST_STRENGTH, STRENGTH_PER_ROW = 4.0, 0.2
RIDGE = 1e-3
SOME = 256
# Of two megabytes each with an encoder.
KEPT = 8


class Neighborhoods:
    """Shortens those directions of a pool's features in which neighbors differ.

    Rows D become D M with M = (S + g R)^-1 S, where S = D'D, R = D'LD, and L is the normalized Laplacian of
    the graph that joins each row with its 10 nearest: the linear function of the rows that stays close to
    them and changes little from neighbor to neighbor. No label is used. The strength g is a fifth of the
    number of rows per label, at most 4: many labels say themselves what matters, and of few rows many are
    labeled.

    Belkin, Niyogi & Sindhwani, Manifold Regularization, JMLR 2006; He & Niyogi, Locality Preserving
    Projections, NIPS 2003.

    Parameters
    ----------
    columns : array of int, ascending
        The features that are turned; the others stay as they are.
    spread, roughness : arrays of shape (n_columns, n_columns)
        S and R of the formula above.
    some : array of shape (n_some, n_columns)
        Rows of the pool: they are to be as long afterwards as before.
    n_rows : int
        How many rows of the pool have been looked at.
    """

    def __init__(
        self, columns: np.ndarray, spread: np.ndarray, roughness: np.ndarray, some: np.ndarray, n_rows: int
    ):
        self.columns, self.spread, self.roughness = columns, spread, roughness
        self.some, self.n_rows = some, n_rows
        self._turns: dict[int, _Turn] = {}

    @classmethod
    def of(cls, X: Any, seed: int = 0) -> Self | None:
        """Return the neighborhoods of a pool; None where there are too few rows or no column most rows have.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, n_features)
            The pool, labeled items too. Of more than MOST_ROWS as many are drawn.
        """
        rows = np.arange(X.shape[0])
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))
        sample = X[rows]
        columns = np.flatnonzero(_counts(sample) >= max(SHARE_OF_ROWS * len(rows), 1))
        D = sample[:, columns].toarray() if sparse.issparse(sample) else np.asarray(sample[:, columns])
        # What cannot be read is a row of zeros, and neighbor of nothing.
        D = D[D.any(axis=1)].astype(np.float32)
        if len(D) < FEWEST_ROWS or not np.isfinite(D).all():
            return None
        spread = (D.T @ D).astype(np.float64)
        spread[np.diag_indices_from(spread)] += RIDGE * np.trace(spread) / len(spread)
        roughness = (D.T @ (D - _of_neighbors(D))).astype(np.float64)
        return cls(columns, spread, roughness, D[:: -(-len(D) // SOME)].astype(np.float64), len(D))

    def turned(self, X: Any, n_labels: int) -> Any:
        """Return rows as a model of so many labels should see them: CSR if they were, else dense."""
        turn = self._turn(n_labels)
        if not sparse.issparse(X):
            found = X.copy()
            found[:, self.columns] = turn.rows(X[:, self.columns])
            return found
        n, width = X.shape[0], len(self.columns)
        block = turn.rows(X[:, self.columns].toarray()).astype(X.dtype)
        where = np.tile(self.columns, n), np.arange(0, n * width + 1, width)
        others = np.ones(X.shape[1], X.dtype)
        others[self.columns] = 0
        rest = (X @ sparse.diags(others)).tocsr()
        rest.eliminate_zeros()
        return sparse.csr_matrix(rest + sparse.csr_matrix((block.ravel(), *where), shape=X.shape))

    def weights(self, found: np.ndarray, n_labels: int) -> np.ndarray:
        """Return a model's weights for rows as they are, from its weights for rows as `turned` gives them."""
        table = found.copy()
        table[:, self.columns] = self._turn(n_labels).weights(found[:, self.columns])
        return table

    def _turn(self, n_labels: int) -> _Turn:
        # Kept under the number of labels; labels of a set are fitted side by side, and another may empty it.
        turn = self._turns.get(n_labels)
        if turn is None:
            strength = min(MOST_STRENGTH, STRENGTH_PER_ROW * self.n_rows / max(n_labels, 1))
            factor = linalg.cho_factor(self.spread + strength * self.roughness, check_finite=False)
            turn = _Turn(factor, self.spread)
            # A classifier's penalty goes by the length.
            length = np.linalg.norm(self.some) / np.linalg.norm(turn.rows(self.some))
            turn = replace(turn, length=float(length))
            # The numbers of labels of now, of a fold and along a curve are asked for again and again.
            if len(self._turns) >= KEPT:
                self._turns.clear()
            self._turns[n_labels] = turn
        return turn

    def __deepcopy__(self, memo: Any) -> Self:
        # Never changed, and every copy of a classifier that has it would hold megabytes.
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.columns)} columns)"


@dataclass(frozen=True)
class _Turn:
    """M, never worked out itself: with thousands of columns that would take longer than all fits."""

    factor: tuple[np.ndarray, bool]
    spread: np.ndarray
    length: float = 1.0

    def rows(self, D: np.ndarray) -> np.ndarray:
        """Return D M."""
        solved = linalg.cho_solve(self.factor, D.T, check_finite=False).T
        return self.length * (solved @ self.spread)

    def weights(self, found: np.ndarray) -> np.ndarray:
        """Return M w, for (x M) . w = x . (M w)."""
        solved = linalg.cho_solve(self.factor, self.spread @ found.T, check_finite=False).T
        return self.length * solved


def _counts(X: Any) -> np.ndarray:
    """In how many rows each feature is there."""
    if sparse.issparse(X):
        return np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
    return np.asarray((X != 0).sum(axis=0))


def _of_neighbors(D: np.ndarray) -> np.ndarray:
    """What each row's neighbors are on the whole, each of them weighed by how many it has itself."""
    unit = D / np.linalg.norm(D, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argpartition(-likeness, NEIGHBORS, axis=1)[:, :NEIGHBORS]
    rows = np.repeat(np.arange(len(D)), NEIGHBORS)
    graph = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, nearest.ravel())), (len(D), len(D)))
    # Joined where either is near to the other.
    graph = graph.maximum(graph.T)
    weight = sparse.diags(np.asarray(graph.sum(axis=1)).ravel() ** np.float32(-0.5))
    return np.asarray(weight @ (graph @ (weight @ D)))
