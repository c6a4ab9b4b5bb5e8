"""ProbCover: as many items as possible within a ball around some pick; meant for the first labels.

Yehuda, Dekel, Hacohen & Weinshall, Active Learning Through a Covering Lens, NeurIPS 2022.
"""

from __future__ import annotations

import numpy as np

from clean_al.pool import Pool, Strategy
from clean_al.strategies.coreset import CORESET
from clean_al.strategies.coverage import cover, similarities

SAMPLE = 512


def batch(pool: Pool, n: int) -> np.ndarray:
    """Greedy picks that cover the most uncovered items within the radius of `ball_sq`.

    At most n rows: fewer when everything is covered.
    """
    radius_sq = ball_sq(pool, n if pool.seen is None else n + len(pool.seen))
    return cover(pool, n, lambda sq: (sq <= radius_sq).astype(np.float32))


def ball_sq(pool: Pool, n: int) -> float:
    """A squared radius such that n balls, those of labeled items among them, hold about as many as the pool.

    The share 1/n of all pairs (of at most 512 items) is closer than it: the paper asks for pure balls, which
    needs labels; this needs none.
    """
    rows = pool.rng.choice(len(pool), min(len(pool), SAMPLE), replace=False)
    d = similarities(pool.points, rows, rows, lambda sq: sq)
    # At least 2: one ball for all would have the whole pool's diameter, and cover everything from anywhere.
    return float(np.quantile(d[np.triu_indices(len(rows), 1)], 1.0 / max(n, 2))) if len(rows) > 1 else 0.0


PROBCOVER = Strategy(CORESET.scores, batch, needs_model=False)
