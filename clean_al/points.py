"""Squared Euclidean distances to rows of a dense or CSR matrix, by blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

BLOCK_ROWS = 8192
BLOCK_NUMBERS = 2_000_000
CENTER_ROWS = 1024
DENSE_NUMBERS = 12_800_000
TYPICAL_ROWS = 256
ROUNDING = 1e-12
# A sparse product takes about thirty times as long for each number as a dense one.
SPARSE_SHARE = 0.03


@dataclass(frozen=True)
class Centers:
    """Centers made ready: x @ weights + constant is |x - c|^2 but for what depends on x alone."""

    weights: np.ndarray
    constant: np.ndarray


class Points:
    """Rows of X as points in space.

    Distances come from one matrix product per block, so float32 stays float32 and memory stays at about
    BLOCK_NUMBERS numbers whatever the pool. Centers are shifted by the points' mean first: data far from
    zero would lose its small distances to rounding otherwise.

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
        norms = np.empty(len(self), self.X.dtype)
        for part in blocks(len(self), 1024 if not self.is_sparse else BLOCK_ROWS):
            block = self.X[part] - self.origin if not self.is_sparse else self.X[part]
            norms[part] = sq_lengths(block)
        return norms

    def dense(self, rows: Any) -> np.ndarray:
        """The points of these rows as a dense array of shape (k, d)."""
        block = self.X[rows]
        return block.toarray() if self.is_sparse else block

    def take(self, rows: Any) -> Points:
        """These points alone."""
        return Points(self.X[rows])

    def ready(self, centers: np.ndarray) -> Centers:
        """Centers of shape (k, d) made ready for `sq_distances`."""
        if self.is_sparse:
            weights = np.array(centers.T, dtype=self.X.dtype, order="C")  # a copy, always
            weights *= -2
            # Sparse rows are not shifted: without their zeros they would be dense.
            return Centers(weights, sq_lengths(centers).astype(self.X.dtype))
        # In float64, as the constant is a difference of large numbers; only the finished parts are narrowed.
        origin = self.origin.astype(np.float64)
        shifted = centers.astype(np.float64) - origin
        constant = np.einsum("ij,ij->i", shifted, shifted) + 2.0 * (shifted @ origin)
        weights = np.ascontiguousarray((-2.0 * shifted).astype(self.X.dtype).T)
        return Centers(weights, constant.astype(self.X.dtype))

    def sq_distances(self, rows: Any, centers: np.ndarray | Centers) -> np.ndarray:
        """Squared distances from the points of `rows` to k centers (k, d): shape (len(rows), k)."""
        centers = centers if isinstance(centers, Centers) else self.ready(centers)
        product = self.X[rows] @ centers.weights
        product += centers.constant
        product += self.sq_norms[rows][:, None]
        # Rounding can leave a distance to itself just below zero, of which a root would be nan.
        return np.maximum(product, 0, out=product)

    def nearest_sq(self, others: Points, rows: np.ndarray | None = None) -> np.ndarray:
        """Squared distance from each point (or those of `rows`) to the nearest of the others; inf if none."""
        n = len(self) if rows is None else len(rows)
        best = np.full(n, np.inf, self.X.dtype)
        shared = self._shared(others)
        if shared is not None and len(others):
            self._nearest_by_shared(others, rows, shared, best)
            best += self.sq_norms if rows is None else self.sq_norms[rows]
            return np.maximum(best, 0, out=best)
        step = CENTER_ROWS if not self.is_sparse else max(1, DENSE_NUMBERS // self.X.shape[1])
        for part_of_others in blocks(len(others), step):
            centers = self.ready(others.dense(part_of_others))
            for part in blocks(n, _block_rows(len(centers.constant))):
                product = self.X[part if rows is None else rows[part]] @ centers.weights
                product += centers.constant
                np.minimum(best[part], product.min(axis=1), out=best[part])
        best += self.sq_norms if rows is None else self.sq_norms[rows]
        return np.maximum(best, 0, out=best)

    def _shared(self, others: Points) -> float | None:
        """Products per row in a sparse product with the others; None where a dense one is quicker."""
        if not (self.is_sparse and others.is_sparse) or self.X.nnz == 0:
            return None
        own, theirs = (np.bincount(M.indices, minlength=M.shape[1]) for M in (self.X, others.X))
        products = float(own.astype(np.float64) @ theirs)
        if products > SPARSE_SHARE * self.X.nnz * len(others):
            return None
        return products / len(self)

    def _nearest_by_shared(
        self, others: Points, rows: np.ndarray | None, shared: float, best: np.ndarray
    ) -> None:
        """Set best to the least |c|^2 - 2 x.c, from the terms that a row and the others have in common.

        An item without a common term is as far as its own length says, so the shortest of the others stands
        for all of those.
        """
        columns = others.X.T.tocsr()
        lengths = sq_lengths(others.X).astype(self.X.dtype)
        order = np.argsort(lengths, kind="stable")
        for part in blocks(len(best), int(np.clip(BLOCK_NUMBERS / max(shared, 1.0), 256, BLOCK_ROWS))):
            product = self.X[part if rows is None else rows[part]] @ columns
            # |x|^2 is the same for all centers of a row: it is added once, after the minimum.
            value = lengths[product.indices] - 2 * product.data
            # reduceat gives the next row's first value for an empty range: rows without a product are left
            # out.
            filled = np.flatnonzero(np.diff(product.indptr))
            if len(filled):
                best[part][filled] = np.minimum.reduceat(value, product.indptr[filled])
            np.minimum(best[part], _shortest_apart(product, lengths, order), out=best[part])

    def nearest_center(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For every point the nearest center's number and the squared distance to it."""
        ready = self.ready(centers)
        label = np.empty(len(self), np.intp)
        distance = np.empty(len(self), self.X.dtype)
        for part in blocks(len(self), _block_rows(len(centers))):
            product = self.X[part] @ ready.weights
            product += ready.constant
            label[part] = product.argmin(axis=1)
            distance[part] = product[np.arange(len(product)), label[part]]
        distance += self.sq_norms
        return label, np.maximum(distance, 0, out=distance)

    def typical_sq(self, rng: np.random.Generator) -> float:
        """Median squared distance between two points, from at most 256 of them.

        Where most are copies of one, that would be zero: then the median between different points.
        """
        # Sorted, since rows in order are read from memory (or a CSR matrix) far faster.
        rows = np.sort(rng.choice(len(self), min(len(self), TYPICAL_ROWS), replace=False))
        some = self.X[rows].astype(np.float64)
        d = exact_sq_distances(some, some)
        pairs = d[np.triu_indices(len(rows), 1)]
        # The median: one item far away from all others must not widen what counts as near for everybody.
        typical = float(np.median(pairs)) if len(pairs) else 0.0
        return typical if typical > ROUNDING * float(sq_lengths(some).mean()) else _apart_sq(self)


def sq_lengths(block: Any) -> np.ndarray:
    """Squared Euclidean length of every row of a dense or sparse block."""
    if sparse.issparse(block):
        return np.asarray(block.multiply(block).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", block, block)


def exact_sq_distances(a: Any, b: Any) -> np.ndarray:
    """Squared distances in float64, dense arrays centered first: right for near-copies, for small arrays."""
    if sparse.issparse(a):
        a, b = a.astype(np.float64), b.astype(np.float64)
        product = (a @ b.T).toarray()
    else:
        # |a|^2 - 2 a.b + |b|^2 cancels when lengths are large beside the distance: centered, they are not.
        center = b.mean(axis=0, dtype=np.float64)
        a, b = a - center, b - center
        product = a @ b.T
    d = sq_lengths(a)[:, None] - 2 * product + sq_lengths(b)
    return np.maximum(d, 0)


def _apart_sq(points: Points) -> float:
    """Median squared distance between different points, most of which are copies of one; 0 if all are."""
    if len(points) == 0:
        return 0.0
    first = points.X[[0]]
    away = np.concatenate(
        [exact_sq_distances(points.X[part], first)[:, 0] for part in blocks(len(points), 1024)]
    )
    nothing = ROUNDING * float(away.max())
    rows = np.flatnonzero(away > nothing)
    if len(rows) == 0:
        return 0.0
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), TYPICAL_ROWS)).astype(np.intp)]
    d = exact_sq_distances(points.X[rows], points.X[rows])
    return float(np.median(np.append(d[d > nothing], away[rows])))


def blocks(n: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices that cover range(n), each of at most `size` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _shortest_apart(product: Any, lengths: np.ndarray, order: np.ndarray) -> np.ndarray:
    """For each row of a product, the least length of an item whose product with it is not stored.

    Parameters
    ----------
    product : CSR matrix of shape (m, k)
    lengths : array of shape (k,)
    order : the items from the shortest on
    """
    result = np.full(product.shape[0], np.inf, lengths.dtype)
    rank = np.argsort(order)
    left = np.arange(product.shape[0])
    # Nearly always one of the shortest is apart from the row; a table of all k for every row would be dense
    # again.
    some = min(16, len(order))
    while len(left):
        here = product if len(left) == product.shape[0] else product[left]
        rows, ranks = np.repeat(np.arange(len(left)), np.diff(here.indptr)), rank[here.indices]
        among = ranks < some
        stored = np.zeros((len(left), some), bool)
        stored[rows[among], ranks[among]] = True
        first = stored.argmin(axis=1)
        is_free = ~stored[np.arange(len(left)), first]
        result[left[is_free]] = lengths[order[first[is_free]]]
        left = left[~is_free] if some < len(order) else left[:0]
        some = min(8 * some, len(order))
    return result


def _block_rows(width: int) -> int:
    """Rows of a block that keep a product of this width near BLOCK_NUMBERS numbers."""
    return int(np.clip(BLOCK_NUMBERS // max(width, 1), 256, BLOCK_ROWS))
