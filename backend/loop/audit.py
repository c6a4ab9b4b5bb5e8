"""The audit share: tasks drawn uniformly at random into the queue head, to estimate accuracy honestly.

A drawn task keeps its audit place, head after head, until it has a label. Were the draw made anew in every
round, nearly every task would have been drawn some day, the record would hold mostly what the sampler chose,
and an annotator who is slower than the rounds would never reach an audit place. For the same reason the
distance to the next audit place is counted in labels, from one head to the next.

So whatever is drawn and labeled is a simple random sample, without replacement, of the tasks that had no
label when it was drawn: what a task is like has no part in whether or when it is labeled. Three things bend
that a little. A task that is drawn while an annotator has it open from an earlier head counts as drawn (one
chance in as many as there are candidates, at every draw). Drawn tasks that all annotators skip are missing.
Tasks that the sampler took before a draw could not be drawn, see `backend.learning.accuracy`.
"""

from __future__ import annotations

import numpy as np

from backend.loop.options import ProjectOptions
from backend.loop.priorities import Chooser, Head
from backend.store.features import PoolFeatures
from backend.store.models import Published

# Of a project's labeled draws, the newest ones that are remembered: far more than an interval gains from.
REMEMBERED = 20_000


def were_drawn(published: Published | None, task_ids: np.ndarray) -> np.ndarray:
    """Return for each task whether it was drawn for the audit share, before it had a label."""
    return np.isin(task_ids, _draws(published))


def audited_head(
    chooser: Chooser,
    pool: PoolFeatures,
    candidates: np.ndarray,
    labeled: np.ndarray,
    options: ProjectOptions,
    rng: np.random.Generator,
    published: Published | None,
) -> Head:
    """Return the next `queue_size` candidates: the chooser's best, with the audit share at its places.

    Draws of earlier rounds come before new ones. Candidates that cannot be read come last, where there is
    room.

    Parameters
    ----------
    candidates, labeled : arrays of int64, ids of the tasks to choose among and of those with a label
    published : the head before
    """
    rows, features = pool.rows_of(candidates), pool.features
    readable = rows[features.readable[rows]]
    size = min(options.queue_size, len(readable))
    # Of the head as it is: where few tasks are left, the share is one of those few.
    n_audits = round(size * options.exploration)
    # Before the sampler chooses: what it would like has no part in the draw.
    drawn = _audits(_draws(published), pool, candidates, readable, n_audits, rng)
    chosen = chooser.best(features, np.setdiff1d(readable, drawn), size - len(drawn), options)
    places = _audit_places(size, len(drawn), options, labels_until_audit(published, labeled, options))
    head, audit = _woven(chosen, drawn, places)
    # Behind all others, and never of the audit share: what the model says of them means nothing.
    unreadable = rows[~features.readable[rows]][: options.queue_size - size]
    head = np.concatenate([head, unreadable])
    return Head(np.searchsorted(rows, head), np.pad(audit, (0, len(unreadable))))


def _audits(
    before: np.ndarray,
    pool: PoolFeatures,
    candidates: np.ndarray,
    readable: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return n rows of the audit share, in the order of the draw: those that wait, then as many new ones."""
    waiting = pool.rows_of(before[np.isin(before, candidates)])
    kept = waiting[pool.features.readable[waiting]][:n]
    return np.concatenate([kept, rng.permutation(np.setdiff1d(readable, kept))[: n - len(kept)]])


def labels_until_audit(
    published: Published | None, labeled: np.ndarray, options: ProjectOptions
) -> float | None:
    """Return how many labels are to be given before the next audit place; negative when it is overdue.

    Parameters
    ----------
    published : the head before, whose audit tasks may have been labeled since
    labeled : array of int64, ids of the tasks with a label

    Returns
    -------
    float, at least minus one spacing (1 / `exploration`): for labels that came from elsewhere, as by an
    import, the share is not made up. None without an audit share.
    """
    if not options.exploration:
        return None
    spacing = 1 / options.exploration
    if published is None or published.audit_due is None:
        return spacing / 2
    given = max(len(labeled) - published.labels, 0)
    audited = int(np.isin(published.audit, labeled).sum())
    return max(published.audit_due - given + spacing * audited, -spacing)


def remembered_draws(
    published: Published | None, tasks: np.ndarray, candidates: np.ndarray, audit: np.ndarray
) -> tuple[int, ...]:
    """Return the ids of the draws that stand once a head is served: those that were labeled, and its own.

    A candidate without an audit place in the head, as when the share was lowered, is no draw any more: from
    now on the sampler may choose it.

    Parameters
    ----------
    tasks, candidates, audit : arrays of int64, ids
        All tasks, the candidates, and the head's audit tasks in the order of the draw.
    """
    before = _draws(published)
    settled = before[np.isin(before, tasks) & ~np.isin(before, candidates)]
    return tuple(np.concatenate([settled[-REMEMBERED:], audit]).tolist())


def _draws(published: Published | None) -> np.ndarray:
    return np.array(published.drawn if published else (), dtype=np.int64)


def _audit_places(size: int, n: int, options: ProjectOptions, due: float | None) -> np.ndarray:
    """Return n places of a head of `size`: evenly spaced from the one that is due, or the last ones."""
    first = max(due or 0.0, 0.0)
    places = (min(first + j / options.exploration, size - n + j) for j in range(n))
    return np.fromiter((int(p) for p in places), dtype=np.int64, count=n)


def _woven(chosen: np.ndarray, drawn: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen rows with the drawn ones at their places, both in order, and where those are."""
    audit = np.zeros(len(chosen) + len(drawn), dtype=bool)
    audit[places] = True
    rows = np.empty(len(audit), dtype=np.int64)
    rows[audit], rows[~audit] = drawn, chosen
    return rows, audit
