"""Determinantal diversity: the batch of largest determinant, found greedily.

Chen, Zhang & Zhou, Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
Diversity, NeurIPS 2018. The kernel is Gaussian, with the pool's median distance as its width, so that
its rank does not run out in few dimensions; a quality (uncertainty) can weigh the items.
"""

from __future__ import annotations

import numpy as np

from clean_al.points import Points
from clean_al.pool import Pool, Strategy, top
from clean_al.strategies.coreset import CORESET

# 512 MB in float32, the largest array of the package.
MAX_NUMBERS = 128_000_000
# Above what float32 rounding leaves of the gain of a mere copy.
EXHAUSTED = 1e-6


def batch(pool: Pool, n: int) -> np.ndarray:
    """Rows in the order of the greedy algorithm; see `greedy_map` for time and memory."""
    return determinantal_picks(pool.points, n, pool.rng)


def determinantal_picks(
    points: Points, n: int, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """Greedy MAP on all points, or on the best (else random) ones where n x N numbers are too many."""
    quality = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    # A width of zero, in a pool of copies, would divide by it.
    width_sq = points.typical_sq(np.random.default_rng(0)) or 1.0
    limit = max(MAX_NUMBERS // max(n, 1), 2 * n)
    if len(points) <= limit:
        return greedy_map(points, n, quality, width_sq, rng)
    rows = np.sort(top(quality, limit, rng))
    return rows[greedy_map(points.take(rows), n, quality[rows], width_sq, rng)]


def greedy_map(
    points: Points, n: int, quality: np.ndarray, width_sq: float, rng: np.random.Generator
) -> np.ndarray:
    """Return rows, each of which enlarges the determinant of the picked kernel the most.

    One row of the Cholesky factor is kept per pick: time n x N x (d + n), memory n x N numbers of the dtype
    of the points.

    Returns
    -------
    array of int, at most n long: it ends early when every item left is a combination of those picked
    """
    dtype = points.X.dtype
    quality = quality.astype(dtype)
    factor = np.empty((n, len(points)), dtype)
    gain = quality**2
    floor = EXHAUSTED * float(gain.max(initial=0))
    picks: list[int] = []
    for t in range(n):
        # argmax takes the first: without weights all gains are 1 at the start, and row 0 would always lead.
        ties = np.flatnonzero(gain == gain.max())
        j = int(ties[0] if len(ties) == 1 else rng.choice(ties))
        if gain[j] <= floor:
            break
        picks.append(j)
        row = factor[t]
        _kernel_row(points, j, width_sq, row)
        row *= quality * quality[j]
        row -= factor[:t, j] @ factor[:t]
        row /= np.sqrt(gain[j])
        # Rounding can push the gain of a copy below zero, and of that a root is taken.
        gain = np.maximum(gain - row * row, 0)
        gain[picks] = -1
    return np.asarray(picks, np.intp)


def _kernel_row(points: Points, j: int, width_sq: float, out: np.ndarray) -> None:
    out[:] = points.sq_distances(slice(0, len(points)), points.dense([j]))[:, 0]
    out *= -1.0 / width_sq
    np.exp(out, out=out)


# One at a time, "not yet covered" is the distance to what is labeled.
DETERMINANTAL = Strategy(CORESET.scores, batch, needs_model=False)
