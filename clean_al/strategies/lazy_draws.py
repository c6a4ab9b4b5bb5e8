"""D-squared sampling (the seeding of k-means++) without computing all distances at every draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clean_al.points import blocks

PROPOSALS = 32
LEAST_ACCEPTANCE = 0.5

SquaredDistances = Callable[[np.ndarray | slice, np.ndarray], np.ndarray]


def lazy_d2(
    n_points: int,
    n: int,
    first: int,
    sq_distances: SquaredDistances,
    rng: np.random.Generator,
    mass: np.ndarray,
) -> np.ndarray:
    """Return n distinct rows: the first as given, each next drawn with probability mass x squared distance.

    Arthur & Vassilvitskii, k-means++: The Advantages of Careful Seeding, SODA 2007. A distance to the nearest
    pick only falls, so old weights are upper bounds: rows are proposed by their old weights and accepted with
    probability true / old, which is exactly the same distribution. All weights are renewed only when less
    than half of the proposals is accepted.

    Parameters
    ----------
    sq_distances : function of rows (m,) and picked rows (k,) giving squared distances of shape (m, k)
    mass : array of shape (n_points,), not negative

    Returns
    -------
    array of int, at most n long: it ends early when all that is left lies on the picks
    """
    picks = [first]
    weight = np.full(n_points, np.inf)
    renewed = 0
    while len(picks) < n:
        weight = _renewed(weight, sq_distances, picks[renewed:], mass)
        renewed = len(picks)
        cumulative = np.cumsum(weight)
        if not cumulative[-1] > 0:
            break
        _draw_until_stale(picks, n, weight, cumulative, sq_distances, rng, mass)
    return np.asarray(picks, np.intp)


def _renewed(
    weight: np.ndarray, sq_distances: SquaredDistances, new: list[int], mass: np.ndarray
) -> np.ndarray:
    weight = weight.copy()
    for part in blocks(len(weight)):
        distance = sq_distances(part, np.asarray(new)).min(axis=1)
        np.minimum(weight[part], mass[part] * distance, out=weight[part])
    # Exactly zero: rounding leaves a pick a tiny distance to itself, and it could be drawn again.
    weight[new] = 0
    return weight


def _draw_until_stale(
    picks: list[int],
    n: int,
    weight: np.ndarray,
    cumulative: np.ndarray,
    sq_distances: SquaredDistances,
    rng: np.random.Generator,
    mass: np.ndarray,
) -> None:
    """Propose and accept until the batch is full or too few proposals are accepted."""
    since = len(picks)
    accepted = proposed = 0
    while len(picks) < n and (proposed < 2 * PROPOSALS or accepted >= LEAST_ACCEPTANCE * proposed):
        # side="right" steps over rows of weight zero, which have the same cumulative sum as their
        # predecessor.
        rows = np.searchsorted(cumulative, rng.random(PROPOSALS) * cumulative[-1], side="right")
        # A sum below the normal floats rounds a draw up to itself, one row too far.
        rows = np.minimum(rows, len(weight) - 1)
        chance = rng.random(PROPOSALS) * weight[rows]
        true = weight[rows]
        if len(picks) > since:
            true = np.minimum(true, mass[rows] * sq_distances(rows, np.asarray(picks[since:])).min(axis=1))
        for i in range(PROPOSALS):
            proposed += 1
            if true[i] > chance[i] and rows[i] not in picks[since:]:
                picks.append(int(rows[i]))
                accepted += 1
                if len(picks) == n:
                    return
                # The other proposals of this block were weighed before this pick: it counts for them as well.
                true = np.minimum(true, mass[rows] * sq_distances(rows, rows[i : i + 1])[:, 0])
