"""Encoder features beside today's features, neither drowning the other."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy import sparse

from clean_al.validation import check_features, check_number


class EncodedBlock:
    """Centers an encoder's rows on the pool and gives them a common length.

    Rows of an encoder share one large direction, which tells nothing; without it their mean square length is
    brought to `scale`. Rows of zeros (nothing could be read) stay zeros and do not count.

    Parameters
    ----------
    scale : float, default 3.0
        Length of the block. Those of `TextRepresentation` are 2 (its sketch) and 1 (TF-IDF).

    Attributes
    ----------
    mean_ : array of shape (dimension,), float32
    factor_ : float
    """

    def __init__(self, scale: float = 3.0):
        self.scale = scale

    def fit(self, encoded: np.ndarray, y: Any = None) -> Self:
        """Learn center and length from the rows of the whole pool; labels are not used."""
        scale = check_number(self.scale, "scale")
        rows = _checked(encoded)
        rows = rows[rows.any(axis=1)]
        self.mean_ = (
            rows.mean(axis=0, dtype=np.float64).astype(np.float32)
            if len(rows)
            else np.zeros(rows.shape[1], np.float32)
        )
        total = sum(
            float(np.square(rows[i : i + 4096] - self.mean_).sum(dtype=np.float64))
            for i in range(0, len(rows), 4096)
        )
        length = np.sqrt(total / max(len(rows), 1))
        # Rows that are all alike tell nothing, and must not be blown up from rounding errors.
        self.factor_ = float(scale / length) if length > 1e-6 else 0.0
        return self

    def transform(self, encoded: np.ndarray) -> np.ndarray:
        """The block, shape (n, dimension), float32."""
        rows = _checked(encoded, len(self.mean_))
        block: np.ndarray = (rows - self.mean_) * np.float32(self.factor_)
        block[~rows.any(axis=1)] = 0
        return block

    def join(self, today: Any, encoded: np.ndarray) -> Any:
        """Today's features and the block to their right: CSR where today's are sparse, else dense.

        Columns of today's features keep their numbers. A CSR result holds all of the block, 8 bytes a number:
        TF-IDF has too many columns to be dense.
        """
        today = check_features(today, "today")
        block = self.transform(encoded)
        if today.shape[0] != len(block):
            raise ValueError(
                f"encoded has {len(block)} rows for {today.shape[0]} rows of today: give the same items"
            )
        if sparse.issparse(today):
            return sparse.hstack([today, sparse.csr_matrix(block)], format="csr", dtype=today.dtype)
        return np.hstack([today, block]).astype(today.dtype, copy=False)


def join_blocks(today: Any, encoded: np.ndarray, scale: float = 3.0) -> Any:
    """Today's features beside an encoder's, for one pool; `EncodedBlock` does it for items that come later.

    Parameters
    ----------
    today : array or CSR matrix of shape (n, n_features)
    encoded : array of shape (n, dimension)
        From `TextEncoder.encode` or `ImageEncoder.encode`.
    scale : float, default 3.0

    Returns
    -------
    array or CSR matrix of shape (n, n_features + dimension)
    """
    return EncodedBlock(scale).fit(encoded).join(today, encoded)


def _checked(encoded: Any, n_columns: int | None = None) -> np.ndarray:
    if sparse.issparse(encoded):
        raise TypeError("encoded must be dense: give what an encoder returned")
    rows: np.ndarray = check_features(encoded, "encoded", n_features=n_columns)
    return rows.astype(np.float32, copy=False)
