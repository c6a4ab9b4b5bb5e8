"""Which labels are probably wrong: those that a model without them, their neighbors and copies contradict.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021, rank
labels by the held-out probability that a model gives them. Here the nearest labeled items have a voice beside
the model, weighed, as Goh & Mueller (ActiveLab, 2023) weigh annotators, by how much better than the base rate
each has been; and copies with different labels accuse one another whatever both say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from clean_al.relabel import skill
from clean_al.row_keys import row_keys
from clean_al.validation import as_numbers

NEIGHBORS = 10
# Neighbors are looked for among so many items at most: with more, each has near ones there anyway.
MOST_COMPARED = 20_000
# The other label must be likelier than not, and this much likelier than the label given.
DOUBTED = 0.85
LIKELIER_THAN_NOT = 0.5
# Of two copies with different labels one is wrong, however sure the model is.
COPY = 0.95


@dataclass(frozen=True, eq=False)
class SuspectLabels:
    """How likely each label is wrong.

    Attributes
    ----------
    rows : int array of shape (n,), the likeliest wrong label first
    score : float array of shape (n,), the chance of the best other label against the one given, from 0 to 1
    suggested : array as y, what each label should perhaps be; the label itself where nothing is against it
    accused : bool array of shape (n,), where a human should look again
    model : float array of shape (n,), the held-out probability of what is suggested
    neighbors : float array of shape (n,), share of the nearest labeled items that have what is suggested; nan
        where they were not asked
    copied : bool array of shape (n,), where an item with the same features has another label
    """

    rows: np.ndarray
    score: np.ndarray
    suggested: np.ndarray
    accused: np.ndarray
    model: np.ndarray
    neighbors: np.ndarray
    copied: np.ndarray


def suspect_labels(y: Any, probabilities: Any, classes: Any = None, *, X: Any = None) -> SuspectLabels:
    """Rank labels by how likely they are wrong.

    Parameters
    ----------
    y : array of shape (n,), the labels given; where an item has several, 0 and 1 of shape (n, n_labels)
    probabilities : array of shape (n, n_classes), by models that did not see the item, see
        `IntelligentSampler.held_out_probabilities`
    classes : labels of the columns; not needed where items have several labels
    X : array or CSR matrix of shape (n, n_features), optional
        The items in a space where near ones are alike; without it neither neighbors nor copies are asked.

    Raises
    ------
    ValueError
        Shapes that do not fit, labels that are not among classes.
    """
    y = np.asarray(y)
    p = as_numbers(probabilities, "probabilities", "shape (n, n_classes)")
    if p.ndim != 2 or len(p) != len(y) or (y.ndim == 2 and p.shape != y.shape):
        raise ValueError(
            f"probabilities must have a row for each of the {len(y)} labels, not shape {p.shape}"
        )
    given = y.astype(float) if y.ndim == 2 else _one_hot(y, p.shape[1], classes)
    near = None if X is None or len(y) <= NEIGHBORS else _neighbors(X, given)
    q = p if near is None else _both(p, near, given, several=y.ndim == 2)
    found = _of_sets if y.ndim == 2 else _of_classes
    score, suggested, accused = found(q, given)
    copied = np.zeros(len(y), bool) if X is None else _contradicted_by_a_copy(X, given, q, suggested)
    score[copied] = np.maximum(score[copied], COPY)
    accused |= copied
    changed = suggested != given
    about = suggested if y.ndim == 1 else np.where(changed, np.abs(given - q), -1.0)
    column = about.argmax(axis=1)
    return SuspectLabels(
        rows=np.argsort(-score, kind="stable"),
        score=score,
        suggested=suggested.astype(y.dtype) if y.ndim == 2 else np.asarray(classes)[suggested.argmax(axis=1)],
        accused=accused & changed.any(axis=1),
        model=_voice_for(p, suggested, column),
        neighbors=np.full(len(y), np.nan) if near is None else _voice_for(near, suggested, column),
        copied=copied,
    )


def _one_hot(y: np.ndarray, n_classes: int, classes: Any) -> np.ndarray:
    known = list(np.asarray(classes if classes is not None else ()).tolist())
    if len(known) != n_classes:
        raise ValueError(f"classes must name the {n_classes} columns of probabilities, not {len(known)}")
    columns = {label: j for j, label in enumerate(known)}
    unknown = [label for label in y.tolist() if label not in columns]
    if unknown:
        raise ValueError(f"y has the label {unknown[0]!r}, which is not among classes")
    table = np.zeros((len(y), n_classes))
    table[np.arange(len(y)), [columns[label] for label in y.tolist()]] = 1.0
    return table


def _neighbors(X: Any, given: np.ndarray) -> np.ndarray:
    """Return for each item and label the share of its nearest labeled items that have it."""
    n = len(given)
    some = np.random.default_rng(0).permutation(n)[:MOST_COMPARED] if n > MOST_COMPARED else np.arange(n)
    search = NearestNeighbors(n_neighbors=NEIGHBORS + 1, algorithm="brute").fit(X[some])
    found = some[search.kneighbors(X, return_distance=False)]
    # An item is its own neighbor, though not always the first of several copies, and does not vote.
    votes = found != np.arange(n)[:, None]
    votes[votes.all(axis=1), -1] = False
    # Neighbor by neighbor: a table of all of them by all labels would not fit into memory.
    return sum(given[found[:, j]] * votes[:, j, None] for j in range(NEIGHBORS + 1)) / NEIGHBORS


def _both(p: np.ndarray, near: np.ndarray, given: np.ndarray, *, several: bool) -> np.ndarray:
    """Return what model and neighbors say together, each by its skill."""
    weights = [skill(_right(voice, given, several), _base(given, several)) for voice in (p, near)]
    # Ten neighbors that agree are no proof: a tenth of their voice knows nothing.
    blank = 0.5 if several else 1 / given.shape[1]
    mixed = weights[0] * p + weights[1] * (0.9 * near + 0.1 * blank)
    return np.asarray(mixed / sum(weights))


def _right(voice: np.ndarray, given: np.ndarray, several: bool) -> float:
    if several:
        return float(((voice >= 0.5) == (given > 0)).mean())
    return float((voice.argmax(axis=1) == given.argmax(axis=1)).mean())


def _base(given: np.ndarray, several: bool) -> float:
    shares = given.mean(axis=0)
    return float(np.maximum(shares, 1 - shares).mean() if several else shares.max())


def _of_classes(q: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return score, suggestion and accusation of items with one label each."""
    rows, now = np.arange(len(q)), given.argmax(axis=1)
    others = np.where(given > 0, -1.0, q)
    best = others.argmax(axis=1)
    other = others[rows, best] if q.shape[1] > 1 else np.zeros(len(q))
    score = other / np.maximum(other + q[rows, now], 1e-12)
    suggested = given.copy()
    doubted = score > LIKELIER_THAN_NOT
    suggested[doubted] = np.eye(q.shape[1])[best[doubted]]
    return score, suggested, (score >= DOUBTED) & (other > LIKELIER_THAN_NOT)


def _of_sets(q: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of items with several labels: each is wrong as far as its most doubtful label is."""
    wrong = np.abs(given - q)
    score = wrong.max(axis=1) if wrong.shape[1] else np.zeros(len(q))
    suggested = np.where(wrong >= DOUBTED, 1 - given, given)
    return score, suggested, score >= DOUBTED


def _contradicted_by_a_copy(X: Any, given: np.ndarray, q: np.ndarray, suggested: np.ndarray) -> np.ndarray:
    """Return which items have a copy with a better founded label, and suggest that one, in place."""
    kinds = np.unique(given, axis=0, return_inverse=True)[1].ravel()
    copied = np.zeros(len(given), bool)
    _, group, sizes = np.unique(row_keys(X), return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        if len(rows) < 2 or len(set(kinds[rows].tolist())) < 2:
            continue
        best = _best_of(rows, kinds, given, q)
        losing = rows[kinds[rows] != kinds[best]]
        copied[losing], suggested[losing] = True, given[best]
    return copied


def _best_of(rows: np.ndarray, kinds: np.ndarray, given: np.ndarray, q: np.ndarray) -> int:
    """Return the copy that is most likely right: the majority's, of equals the one that the voices prefer."""
    counts: Counter[int] = Counter(kinds[rows].tolist())
    voice = 1 - np.abs(given[rows] - q[rows]).mean(axis=1)
    return int(max(zip(rows, voice, strict=True), key=lambda rv: (counts[int(kinds[rv[0]])], rv[1]))[0])


def _voice_for(voice: np.ndarray, suggested: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Return how much a voice is for what is suggested of the label that each suspicion is about."""
    rows = np.arange(len(voice))
    said = voice[rows, about]
    return np.asarray(np.where(suggested[rows, about] > 0, said, 1 - said))
