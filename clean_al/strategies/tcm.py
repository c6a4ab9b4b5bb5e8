"""TCM: typical items first, the model's margins afterwards.

Doucet, Estermann, Aczel & Wattenhofer, Bridging Diversity and Uncertainty in Active Learning with
Self-Supervised Pre-Training, 2024: TypiClust until about LABELS_PER_CLASS labels for each class, then margin.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.typiclust import TYPICLUST

LABELS_PER_CLASS = 3


def is_early(pool: Pool, labels_per_class: float) -> bool:
    """Whether fewer labels are there than these for every class known, or nothing ranks yet."""
    # With a doubt from outside there may be no labels to count, and yet something to rank by.
    if not pool.can_rank or pool.labeled is None:
        return not pool.can_rank
    return len(pool.labeled.y) < labels_per_class * len(pool.labeled.classes)


def scores(pool: Pool) -> np.ndarray:
    """Typicality first, uncertainty afterwards; shape (n,)."""
    return TYPICLUST.scores(pool) if is_early(pool, LABELS_PER_CLASS) else pool.uncertainty


def batch(pool: Pool, n: int) -> np.ndarray:
    """Typical items first, the most unsure ones afterwards."""
    if is_early(pool, LABELS_PER_CLASS):
        return TYPICLUST.choose(pool, n)
    return top(pool.value, n, pool.rng)


TCM = Strategy(scores, batch, needs_model=False, obeys_doubt=True, weighs_costs=True)
