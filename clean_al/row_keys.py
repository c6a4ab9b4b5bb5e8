"""A 64-bit key of every row's content, to know rows again in another array."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy import sparse

# Half a megabyte: the swapped words are still in the processor's cache when they are multiplied.
WORDS_AT_ONCE = 65_536
FOLD = np.uint64(29)


def row_keys(X: Any) -> np.ndarray:
    """A uint64 key for every row, equal for rows of equal bits; others differ but for a chance near 2^-64.

    Multiply-add hashing modulo 2^64 with random odd factors (Dietzfelbinger, Hagerup, Katajainen & Penttonen,
    1997), at a third of the speed of reading X once.
    """
    return _sparse_keys(X) if sparse.issparse(X) else _dense_keys(np.asarray(X))


def rows_among(X: Any, others: Any, first: np.ndarray) -> np.ndarray:
    """A mask of the rows of X that others holds too, each as often as there; `first` come first."""
    found = np.zeros(X.shape[0], bool)
    if X.shape[1] != others.shape[1]:
        return found
    keys, known = row_keys(X), row_keys(_in_form_of(X, others))
    left = Counter(known.tolist())
    for row in [*first.tolist(), *np.flatnonzero(np.isin(keys, known)).tolist()]:
        key = int(keys[row])
        if not found[row] and left[key]:
            found[row] = True
            left[key] -= 1
    return found


def _in_form_of(X: Any, others: Any) -> Any:
    """The others in the number type of X, and as sparse or as dense."""
    if sparse.issparse(X):
        return sparse.csr_matrix(others, dtype=X.dtype)
    dense = others.toarray() if sparse.issparse(others) else others
    return np.asarray(dense, X.dtype)


def _factors(n: int) -> np.ndarray:
    # A fixed seed: keys that are kept must be the same in another process.
    return np.random.default_rng(20_220_119).integers(
        2**64, size=n, dtype=np.uint64, endpoint=False
    ) | np.uint64(1)


def _spread(words: np.ndarray) -> np.ndarray:
    """The words with their high bits brought down, one to one.

    A product modulo 2^64 keeps the zeros at the low end of its factor: 1.0, whose low 52 bits are zero, could
    reach 4096 keys only. Round numbers differ in their high bytes, so those go to the low end.
    """
    swapped = words.byteswap()
    swapped ^= swapped >> FOLD
    return swapped


def _dense_keys(X: np.ndarray) -> np.ndarray:
    pairs = X.dtype.itemsize == 4
    width = X.shape[1] // 2 if pairs else X.shape[1]
    factors = _factors(width + 1)
    keys = np.empty(len(X), np.uint64)
    step = max(1, WORDS_AT_ONCE // max(width, 1))
    for start in range(0, len(X), step):
        block = np.ascontiguousarray(X[start : start + step])
        last = None
        # Two float32 are read as one word; an odd last column has no partner and is a word of its own.
        if pairs and X.shape[1] % 2:
            last = _spread(np.ascontiguousarray(block[:, -1]).view(np.uint32).astype(np.uint64))
            block = np.ascontiguousarray(block[:, :-1])
        words = block.view(np.uint64) if width else np.empty((len(block), 0), np.uint64)
        key = np.einsum("ij,j->i", _spread(words), factors[:width])
        keys[start : start + len(block)] = key if last is None else key + last * factors[-1]
    return keys


def _sparse_keys(X: Any) -> np.ndarray:
    bits = _spread(X.data.view(np.uint32 if X.dtype.itemsize == 4 else np.uint64).astype(np.uint64))
    # Values times a factor per column; the running sum wraps around, so its differences are exact.
    running = np.concatenate([[np.uint64(0)], np.cumsum(bits * _factors(X.shape[1])[X.indices])])
    return running[X.indptr[1:]] - running[X.indptr[:-1]]
