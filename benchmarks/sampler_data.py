"""The arrays that the sampler and its peers are timed on; needs numpy and scipy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

N_LABELED = 1000
N_CLASSES = 10
PER_ROW = 26


def mixture(n: int, d: int) -> tuple[Any, Any, np.ndarray]:
    """Pool (n, d), labeled items (N_LABELED, d) and labels, float32, from 50 Gaussians."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(50, d)).astype(np.float32) * 2
    which = rng.integers(50, size=n + N_LABELED)
    X = rng.standard_normal((n + N_LABELED, d), dtype=np.float32)
    for start in range(0, len(X), 65536):
        X[start : start + 65536] += centers[which[start : start + 65536]]
    y = which[n:] % N_CLASSES
    return X[:n], X[n:].copy(), y


def tfidf_like(n: int, terms: int, per_row: int = PER_ROW) -> tuple[Any, Any, np.ndarray]:
    """CSR pool, labeled items and labels: rows of unit length, frequent terms drawn more often."""
    rng = np.random.default_rng(0)
    rows = n + N_LABELED
    columns = np.minimum((terms * rng.random((rows, per_row)) ** 2.5).astype(np.int32), terms - 1)
    values = rng.random((rows, per_row)).astype(np.float32) + 0.1
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    indptr = np.arange(0, rows * per_row + 1, per_row)
    X = sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=(rows, terms))
    X.sum_duplicates()
    return X[:n], X[n:], rng.integers(N_CLASSES, size=N_LABELED)


def data_of(kind: str, n: int, d: int) -> tuple[Any, Any, np.ndarray]:
    """Pool, labeled items and labels of a case: kind is "dense" or "csr"."""
    return mixture(n, d) if kind == "dense" else tfidf_like(n, d)
