"""Encoder features beside today's features, neither drowning the other."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy import sparse

from clean_al.validation import check_features, check_number

ROWS = 4096


class EncodedBlock:
    """Centers an encoder's rows on the pool and gives them a length that goes with today's features.

    Rows of an encoder share one large direction, which tells nothing; without it their root mean square
    length is brought to `scale` times that of today's rows. Rows of zeros (nothing could be read) stay zeros
    and do not count.

    Parameters
    ----------
    scale : float, default 1.34
        Beside `TextRepresentation` (lengths 2 and 1), the block then has length 3.

    Attributes
    ----------
    mean_ : array of shape (dimension,), float32
    factor_ : float
    """

    def __init__(self, scale: float = 1.34):
        self.scale = scale

    def fit(self, today: Any, encoded: np.ndarray) -> Self:
        """Learn center and length from the whole pool; labels are not used."""
        scale = check_number(self.scale, "scale")
        rows = _both(today, encoded)[1]
        # Rows that nobody could read would pull the center towards zero, the more of them the more.
        rows = rows[rows.any(axis=1)]
        self.mean_ = np.zeros(rows.shape[1], np.float32)
        if len(rows):
            # Summed in float64: in float32 the mean of a large pool drifts, and the mean is what must go.
            self.mean_ = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        length = _length(rows, self.mean_)
        # Rows that are all alike tell nothing, and must not be blown up from rounding errors.
        self.factor_ = scale * (_length(today) or 1.0) / length if length > 1e-6 else 0.0
        return self

    def transform(self, encoded: np.ndarray) -> np.ndarray:
        """The block, shape (n, dimension), float32."""
        rows = _checked(encoded, len(self.mean_))
        block: np.ndarray = (rows - self.mean_) * np.float32(self.factor_)
        # Centered, a row of zeros would be minus the mean, and all unreadable items would look alike and far
        # away.
        block[~rows.any(axis=1)] = 0
        return block

    def join(self, today: Any, encoded: np.ndarray) -> Any:
        """Today's features and the block to their right: CSR where today's are sparse, else dense.

        Columns of today's features keep their numbers. A CSR result holds all of the block, 8 bytes a number:
        TF-IDF has too many columns to be dense.
        """
        today, encoded = _both(today, encoded)
        block = self.transform(encoded)
        if sparse.issparse(today):
            return sparse.hstack([today, sparse.csr_matrix(block)], format="csr", dtype=today.dtype)
        return np.hstack([today, block]).astype(today.dtype, copy=False)


def join_blocks(today: Any, encoded: np.ndarray, scale: float = 1.34) -> Any:
    """Today's features beside an encoder's, for one pool; `EncodedBlock` does it for items that come later.

    Parameters
    ----------
    today : array or CSR matrix of shape (n, n_features)
    encoded : array of shape (n, dimension)
        From `TextEncoder.encode` or `ImageEncoder.encode`.
    scale : float, default 1.34
        Length of the encoder's rows as a multiple of that of today's.

    Returns
    -------
    array or CSR matrix of shape (n, n_features + dimension)
    """
    return EncodedBlock(scale).fit(today, encoded).join(today, encoded)


def _both(today: Any, encoded: Any) -> tuple[Any, np.ndarray]:
    today, rows = check_features(today, "today"), _checked(encoded)
    if today.shape[0] != len(rows):
        raise ValueError(
            f"encoded has {len(rows)} rows for {today.shape[0]} rows of today: give the same tasks"
        )
    return today, rows


def _checked(encoded: Any, n_columns: int | None = None) -> np.ndarray:
    if sparse.issparse(encoded):
        raise TypeError("encoded must be dense: give what an encoder returned")
    rows: np.ndarray = check_features(encoded, "encoded", n_features=n_columns)
    return rows.astype(np.float32, copy=False)


def _length(rows: Any, center: np.ndarray | None = None) -> float:
    """Root mean square length from the center; without one, of the rows that are not zero. In blocks."""
    total, count = 0.0, 0
    for i in range(0, rows.shape[0], ROWS):
        part = rows[i : i + ROWS]
        if center is not None:
            part = part - center
        squares = part.multiply(part) if sparse.issparse(part) else np.square(part)
        lengths = np.asarray(squares.sum(axis=1, dtype=np.float64)).ravel()
        total += float(lengths.sum())
        count += len(lengths) if center is not None else int(np.count_nonzero(lengths))
    return float(np.sqrt(total / max(count, 1)))
