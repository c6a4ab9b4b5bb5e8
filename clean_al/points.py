"""Squared Euclidean distances to rows of a dense or CSR matrix, by blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

BLOCK_ROWS = 8192
CENTER_ROWS = 256


class Points:
    """Rows of X as points in space.

    Distances come from one matrix product per block, so float32 stays float32 and memory stays at
    BLOCK_ROWS x CENTER_ROWS numbers whatever the pool. Centers are shifted by the points' mean first: data
    far from zero would lose its small distances to rounding otherwise.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, d), float32 or float64
    """

    def __init__(self, X: Any):
        self.X = X
        self.is_sparse = sparse.issparse(X)

    def __len__(self) -> int:
        return int(self.X.shape[0])

    @cached_property
    def origin(self) -> np.ndarray:
        """A point amid the others, shape (d,): the mean of at most 1024 of them; zero for sparse rows."""
        if self.is_sparse or len(self) == 0:
            return np.zeros(self.X.shape[1], self.X.dtype)
        step = max(1, len(self) // 1024)
        return self.X[::step].mean(axis=0, dtype=np.float64).astype(self.X.dtype)

    @cached_property
    def sq_norms(self) -> np.ndarray:
        """Squared distance of every point to the origin, shape (n,)."""
        return self.block_norms(slice(0, len(self)))

    def block_norms(self, rows: slice) -> np.ndarray:
        """Squared distance to the origin of a slice of points, computed afresh."""
        norms = np.empty(rows.stop - rows.start, self.X.dtype)
        for part in blocks(rows.stop - rows.start):
            source = slice(rows.start + part.start, rows.start + part.stop)
            if self.is_sparse:
                block = self.X[source]
                norms[part] = np.asarray(block.multiply(block).sum(axis=1)).ravel()
            else:
                block = self.X[source] - self.origin
                norms[part] = np.einsum("ij,ij->i", block, block)
        return norms

    def dense(self, rows: Any) -> np.ndarray:
        """The points of these rows as a dense array of shape (k, d)."""
        block = self.X[rows]
        return block.toarray() if self.is_sparse else block

    def take(self, rows: Any) -> Points:
        """These points alone."""
        return Points(self.X[rows])

    def sq_distances(self, rows: Any, centers: np.ndarray) -> np.ndarray:
        """Squared distances from the points of `rows` to k centers (k, d): shape (len(rows), k)."""
        shifted = (centers - self.origin).astype(self.X.dtype, copy=False)
        product = self.X[rows] @ shifted.T
        return self.from_product(rows, product, shifted)

    def from_product(self, rows: Any, product: np.ndarray, shifted: np.ndarray) -> np.ndarray:
        """Turn X[rows] @ shifted.T into squared distances, in place."""
        wide = shifted.astype(np.float64, copy=False)
        constant = np.einsum("ij,ij->i", wide, wide) + 2.0 * (wide @ self.origin.astype(np.float64))
        product *= -2
        product += self.sq_norms[rows][:, None]
        product += constant.astype(product.dtype)
        return np.maximum(product, 0, out=product)

    def nearest_sq(self, others: Points, rows: Any = slice(None)) -> np.ndarray:
        """Squared distance from each point of `rows` to the nearest of the others; inf if there is none."""
        index = np.arange(len(self))[rows]
        best = np.full(len(index), np.inf, self.X.dtype)
        for centers in blocks(len(others), CENTER_ROWS):
            dense = others.dense(centers)
            for part in blocks(len(index)):
                some = part if isinstance(rows, slice) and rows == slice(None) else index[part]
                np.minimum(best[part], self.sq_distances(some, dense).min(axis=1), out=best[part])
        return best

    def nearest_center(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For every point the nearest center's number and the squared distance to it."""
        label = np.empty(len(self), np.intp)
        distance = np.empty(len(self), self.X.dtype)
        for part in blocks(len(self)):
            d = self.sq_distances(part, centers)
            label[part] = d.argmin(axis=1)
            distance[part] = np.take_along_axis(d, label[part, None], axis=1)[:, 0]
        return label, distance

    def typical_sq(self, rng: np.random.Generator) -> float:
        """Median squared distance between two points, from at most 256 of them."""
        rows = np.sort(rng.choice(len(self), min(len(self), 256), replace=False))
        some = self.dense(rows).astype(np.float64)
        d = exact_sq_distances(some, some)
        pairs = d[np.triu_indices(len(rows), 1)]
        return float(np.median(pairs)) if len(pairs) else 0.0


def exact_sq_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances in float64, centered first: right for near-copies, meant for small arrays."""
    center = b.mean(axis=0, dtype=np.float64)
    a, b = a - center, b - center
    d = np.einsum("ij,ij->i", a, a)[:, None] - 2 * (a @ b.T) + np.einsum("ij,ij->i", b, b)
    return np.maximum(d, 0)


def blocks(n: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices that cover range(n), each of at most `size` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
