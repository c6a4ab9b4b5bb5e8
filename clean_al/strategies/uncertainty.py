"""Uncertainty sampling: the items that the model is least sure of."""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy


def scores(pool: Pool) -> np.ndarray:
    """The uncertainty of every item."""
    return pool.uncertainty


UNCERTAINTY = Strategy(scores)
