"""Diversity sampling: cover the data, whatever the model thinks; the method is an option.

The methods' papers are cited in their own files: Nguyen & Smeulders 2004 (`kmeans`), Sener & Savarese 2018
(`coreset`), Chen, Zhang & Zhou 2018 (`determinantal`), Wei, Iyer & Bilmes 2015 (`facility_location`).
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.coreset import CORESET
from clean_al.strategies.determinantal import DETERMINANTAL
from clean_al.strategies.facility_location import FACILITY_LOCATION
from clean_al.strategies.kmeans import KMEANS

DIVERSITY_METHODS: dict[str, Strategy] = {
    "kmeans": KMEANS,
    "coreset": CORESET,
    "determinantal": DETERMINANTAL,
    "facility_location": FACILITY_LOCATION,
}


def scores(pool: Pool) -> np.ndarray:
    """The scores of the diversity method."""
    return DIVERSITY_METHODS[pool.options.diversity_method].scores(pool)


def batch(pool: Pool, n: int) -> np.ndarray:
    """A batch of the diversity method."""
    return DIVERSITY_METHODS[pool.options.diversity_method].choose(pool, n)


DIVERSITY = Strategy(scores, batch, needs_model=False)
