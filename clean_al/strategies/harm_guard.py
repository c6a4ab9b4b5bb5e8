"""A guard against harm: where labels do not follow the features, chance chooses as well as any strategy.

Whether they follow is read from the labels themselves: how often the nearest labeled item has the same label,
against what chance would give. Only items that have a fellow count: while most classes have been seen once,
nothing can be said, and nothing is. Of sets of labels it is how often each label is also on the nearest item.
"""

from __future__ import annotations

import numpy as np

from clean_al.points import Points, exact_sq_distances
from clean_al.pool import Pool

# All pairs of 1024 labels are 8 MB.
MOST_LABELS = 1024
FEWEST_FELLOWS = 30
# Standard errors above chance: below FLAT the whole batch is drawn at random, above CLEAR nothing of it.
FLAT, CLEAR = 0.0, 2.0


def agreement(points: Points, labels: np.ndarray) -> tuple[float, float, int]:
    """How often the nearest label agrees, how often it would by chance, and the number of items that says so.

    Parameters
    ----------
    points : the labeled items
    labels : array of shape (n_labeled,), numbers from 0
    """
    counts = np.bincount(labels)
    fellows = np.flatnonzero(counts[labels] > 1)
    if len(fellows) == 0:
        return 1.0, 0.0, 0
    agrees = float(np.mean(labels[_nearest(points)[fellows]] == labels[fellows]))
    # An item cannot meet itself: one less of its class, among one less of all.
    chance = float(np.mean((counts[labels[fellows]] - 1) / (len(labels) - 1)))
    return agrees, chance, len(fellows)


def agreement_of_sets(points: Points, table: np.ndarray) -> tuple[float, float, int]:
    """How often a label is on the nearest item, too, how often by chance, and how many items say so.

    Parameters
    ----------
    points : the labeled items
    table : array of shape (n_labeled, n_labels), 0 and 1
    """
    counts = table.sum(axis=0)
    given = table * (counts > 1)
    if not given.any():
        return 1.0, 0.0, 0
    agrees = float((given * table[_nearest(points)]).sum() / given.sum())
    chance = float((given * (counts - 1) / (len(table) - 1)).sum() / given.sum())
    # Items, not labels: those of one item have a single neighbor, and come together.
    return agrees, chance, int(given.any(axis=1).sum())


def _nearest(points: Points) -> np.ndarray:
    """The nearest other item of each."""
    d = exact_sq_distances(points.X, points.X)
    # Else every item would be its own nearest one, and always agree.
    np.fill_diagonal(d, np.inf)
    return d.argmin(axis=1)


def random_share(pool: Pool, flat: float = FLAT, clear: float = CLEAR) -> float:
    """Share of the next batch that chance should choose: 0 once labels are seen to follow the features."""
    labeled = pool.labeled
    if labeled is None or len(labeled.classes) < 2:
        return 0.0
    rows = np.arange(len(labeled.y))
    if len(rows) > MOST_LABELS:
        rows = np.sort(pool.rng.choice(len(rows), MOST_LABELS, replace=False))
    points, y = labeled.points.take(rows), labeled.y[rows]
    if labeled.multilabel:
        agrees, chance, n = agreement_of_sets(points, y)
    else:
        agrees, chance, n = agreement(points, np.unique(y, return_inverse=True)[1])
    if n < FEWEST_FELLOWS or chance >= 1:
        return 0.0
    above = (agrees - chance) / np.sqrt(chance * (1 - chance) / n)
    return float(np.clip((clear - above) / (clear - flat), 0.0, 1.0))


def partly_random(pool: Pool, chosen: np.ndarray, n: int, share: float) -> np.ndarray:
    """n rows: the first of those chosen, and a share drawn uniformly from all others, spread among them."""
    n_drawn = int(share * n + 0.5)
    kept = chosen[: n - n_drawn]
    others = np.setdiff1d(np.arange(len(pool)), kept)
    drawn = pool.rng.choice(others, min(n_drawn, len(others)), replace=False)
    place = np.concatenate([np.arange(len(kept)) + 0.5, np.linspace(0, len(kept), len(drawn) + 2)[1:-1]])
    return np.concatenate([kept, drawn])[np.argsort(place, kind="stable")].astype(np.intp)
