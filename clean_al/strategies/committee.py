"""Query by committee: items that models trained on different samples of the labels judge differently.

Seung, Opper & Sompolinsky, Query by Committee, COLT 1992.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.committee import DISAGREEMENT_METHODS, Committee
from clean_al.pool import Pool, Strategy, scored_in_blocks

BLOCK_NUMBERS = 4_000_000


def scores(pool: Pool) -> np.ndarray:
    """Disagreement of the members, shape (n,)."""
    return disagreement(pool.model, pool.X, pool.options.disagreement_method)


def disagreement(model: Committee, X: Any, method: str) -> np.ndarray:
    """Disagreement of a committee about every row of X, by blocks of at most BLOCK_NUMBERS probabilities."""
    rows = max(1024, BLOCK_NUMBERS // (len(model.members_) * len(model.classes_)))
    # The members run in parallel within each block: forests have a price per call, so blocks are large.
    return scored_in_blocks(Committee.member_probabilities, DISAGREEMENT_METHODS[method], model, X, 1, rows)


def _learner(estimator: Any, seed: int | None, n_jobs: int | None) -> Committee:
    return Committee(estimator, random_state=seed, n_jobs=n_jobs)


COMMITTEE = Strategy(scores, multilabel=False, learner=_learner)
