"""Random sampling: the baseline that every other strategy has to beat."""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy


def scores(pool: Pool) -> np.ndarray:
    """Uniform numbers, so that any batch mode works on them."""
    return pool.rng.random(len(pool))


RANDOM = Strategy(scores, needs_model=False)
