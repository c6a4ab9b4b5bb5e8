"""Random sampling: the baseline that every other strategy has to beat.

Simple random sampling without replacement: Cochran, Sampling Techniques, 3rd edition, 1977. Use it as the
baseline of a comparison, and in part (exploration) wherever accuracy is to be estimated.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy


def scores(pool: Pool) -> np.ndarray:
    """Uniform numbers, so that any batch mode works on them."""
    return pool.rng.random(len(pool))


RANDOM = Strategy(scores, needs_model=False)
