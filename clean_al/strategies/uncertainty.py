"""Uncertainty sampling: the items that the model is least sure of.

Lewis & Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994; `clean_al.uncertainty` has the
measures and their papers. A batch of it may be all of one kind: use it for one item at a time, or late.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy


def scores(pool: Pool) -> np.ndarray:
    """The uncertainty of every item."""
    return pool.uncertainty


UNCERTAINTY = Strategy(scores, obeys_doubt=True)
