"""Finding the rare: the items that most probably have the label that is looked for.

Garnett, Krishnamurthy, Xiong, Schneider & Mann, Bayesian Optimal Active Search and Surveying, ICML 2012: its
greedy policy, the highest posterior first. Use it where finding such items counts more than the boundary.
A tenth of a batch is drawn at random, or a second kind of them far from the first would never be seen.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.auto import AUTO
from clean_al.strategies.harm_guard import partly_random

PREFIX = "find:"
EXPLORED = 0.1


def wanted_label(goal: Any) -> str | None:
    """The label that a goal `find:<label>` names, as text; None for no goal."""
    if goal is None:
        return None
    if not isinstance(goal, str) or not goal.startswith(PREFIX) or not goal[len(PREFIX) :].strip():
        raise ValueError(f"goal must be 'find:<label>' or None, got {goal!r}")
    return goal[len(PREFIX) :].strip()


def scores(pool: Pool) -> np.ndarray:
    """Probability of the label that is looked for; the default's scores while the model does not know it."""
    column = _column(pool)
    return AUTO.scores(pool) if column is None else pool.score_blocks(partial(_of_column, column))


def batch(pool: Pool, n: int) -> np.ndarray:
    """The most probable items first, a tenth of others among them."""
    if _column(pool) is None:
        return AUTO.choose(pool, n)
    return partly_random(pool, top(scores(pool), n, pool.rng), n, EXPLORED)


def _of_column(column: int, probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, column]


def _column(pool: Pool) -> int | None:
    """Where the model has the label that is looked for: the one named, else the rarest."""
    if pool.model is None:
        return None
    names = [str(label) for label in pool.model.classes_.tolist()]
    wanted = pool.options.wanted
    if wanted is not None:
        return names.index(wanted) if wanted in names else None
    return _rarest(pool)


def _rarest(pool: Pool) -> int | None:
    if pool.labeled is None:
        return None
    y = pool.labeled.y
    counts = y.sum(axis=0) if pool.labeled.multilabel else np.unique(y, return_counts=True)[1]
    # A label that was never given has no model: it is a constant, which ranks nothing.
    return int(np.where(counts > 0, counts, len(y) + 1).argmin())


FIND = Strategy(scores, batch)
