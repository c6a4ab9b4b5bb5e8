"""The order of the items of a list, or their buckets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from backend.learning.answers import Guess
from backend.learning.learned.base import How, Learned
from backend.learning.learned.items import MOST_ITEMS, ItemScorer, preferred, text_of
from backend.learning.tasks import Data, Tasks
from backend.learning.vectorize import State, look_up

# An answer names each bucket with the ids of its items, the best first: (("best", ("3", "1")), ...).
Buckets = tuple[tuple[str, tuple[str, ...]], ...]
# Of a long list, as many pairs are learned from: neighbors first, then ever further apart.
MOST_PAIRS_OF_A_TASK = 200


class Ranking(Learned):
    """A score for each item, and one for each bucket that it could be in.

    Parameters
    ----------
    field : the list, as the labeling config has it
    order : orders the items of a bucket, or all of them; None where no bucket ever held two
    buckets : names, and for each a scorer of "in this one" against "in another"; none for a plain order

    Notes
    -----
    Items are known by their texts, so a new list is ranked as well as the ones that people have ranked.
    """

    KIND = "ranking"

    def __init__(self, field: str, order: ItemScorer | None, buckets: Mapping[str, ItemScorer]):
        self.field, self.order, self.buckets = field, order, dict(buckets)

    @classmethod
    def learned(
        cls, tasks: Tasks, answers: Sequence[Buckets], how: How, field: str, buckets: Sequence[str]
    ) -> Self | str:
        """Return a model of these answers, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        if len(set(answers)) < 2:
            return "all labels are the same so far"
        items = [_items(data, field) for data in tasks.data]
        order = _fitted(
            [p for given, known in zip(answers, items, strict=True) for p in _in_order(given, known)], how
        )
        found: dict[str, ItemScorer] = {}
        for name in buckets:
            pairs = [p for g, known in zip(answers, items, strict=True) for p in _in_or_out(g, known, name)]
            scorer = _fitted(pairs, how)
            if scorer is not None:
                found[name] = scorer
        if order is None and not found:
            return "no two items with different texts have been ranked"
        return cls(field, order, found)

    def guess(self, tasks: Tasks) -> list[Guess]:
        return [self._guess(items) for items in self._scored(tasks)]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the mean margin: of all pairs' order, or of all items' likeliest two buckets."""
        return np.array([_doubt(order, chances) for _, order, chances in self._scored(tasks)])

    def state(self) -> State:
        scorers = ([("", self.order)] if self.order else []) + list(self.buckets.items())
        values: list[Any] = []
        arrays: dict[str, np.ndarray] = {}
        for i, (name, scorer) in enumerate(scorers):
            own, theirs = scorer.state()
            values.append([name, own])
            arrays |= {f"{i}:{key}": array for key, array in theirs.items()}
        return {"field": self.field, "scorers": values, "ordered": self.order is not None}, arrays

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        values, arrays = state
        scorers = []
        for i, (name, own) in enumerate(values["scorers"]):
            theirs = {k.partition(":")[2]: a for k, a in arrays.items() if k.partition(":")[0] == str(i)}
            scorers.append((name, ItemScorer.from_state((own, theirs))))
        order = scorers.pop(0)[1] if values["ordered"] else None
        return cls(values["field"], order, dict(scorers))

    def _scored(self, tasks: Tasks) -> list[tuple[list[str], np.ndarray, np.ndarray]]:
        """Return for each task its items' ids, scores, and chances for each bucket (n_items, n_buckets)."""
        lists = [_items(data, self.field) for data in tasks.data]
        texts = [list(items.values()) for items in lists]
        order = self.order.scores_of(texts) if self.order else [np.zeros(len(t)) for t in texts]
        by_bucket = [scorer.scores_of(texts) for scorer in self.buckets.values()]
        found = []
        for i, items in enumerate(lists):
            chances = np.array([scores[i] for scores in by_bucket]).reshape(len(by_bucket), len(items)).T
            chances = (
                np.exp(chances - chances.max(axis=1, keepdims=True, initial=-np.inf))
                if chances.size
                else chances
            )
            total = chances.sum(axis=1, keepdims=True)
            found.append((list(items), order[i], chances / np.where(total > 0, total, 1)))
        return found

    def _guess(self, scored: tuple[list[str], np.ndarray, np.ndarray]) -> Guess:
        ids, order, chances = scored
        best_first = np.argsort(-order, kind="stable")
        if not self.buckets:
            ranked = order[best_first]
            steps = [float(preferred(ranked[i : i + 2])[0, 1]) for i in range(len(ranked) - 1)]
            return Guess((("", tuple(ids[i] for i in best_first)),), float(np.prod(steps)) if ids else 0.0)
        names, likeliest = list(self.buckets), chances.argmax(axis=1)
        held = (
            (name, tuple(ids[i] for i in best_first if likeliest[i] == k)) for k, name in enumerate(names)
        )
        confidence = float(chances.max(axis=1).prod()) if ids else 0.0
        return Guess(tuple((name, items) for name, items in held if items), confidence)


def _items(data: Data, field: str) -> dict[str, str]:
    """Return the texts of a task's items by their ids."""
    listed = look_up(data, field)
    found: dict[str, str] = {}
    for place, item in enumerate(listed[:MOST_ITEMS] if isinstance(listed, list) else ()):
        key = item.get("id") if isinstance(item, dict) else None
        found[str(place if key is None else key)] = text_of(item)
    return found


def _in_order(given: Buckets, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return pairs of texts, the one before the other in the same bucket; neighbors first."""
    pairs: list[tuple[str, str]] = []
    for _, ids in given:
        texts = [known[each] for each in ids if each in known]
        for apart in range(1, len(texts)):
            pairs += list(zip(texts, texts[apart:], strict=False))
            if len(pairs) >= MOST_PAIRS_OF_A_TASK:
                break
    # One list of a hundred items has 4950 pairs, and would outvote all other tasks.
    return pairs[:MOST_PAIRS_OF_A_TASK]


def _in_or_out(given: Buckets, known: Mapping[str, str], bucket: str) -> list[tuple[str, str]]:
    """Return pairs of texts of which the one is in the bucket and the other is not."""
    inside = {each for name, ids in given if name == bucket for each in ids if each in known}
    outside = [known[each] for each in known if each not in inside]
    pairs = itertools.product([known[each] for each in known if each in inside], outside)
    return list(itertools.islice(pairs, MOST_PAIRS_OF_A_TASK))


def _fitted(pairs: Sequence[tuple[str, str]], how: How) -> ItemScorer | None:
    # Two items of the same text teach nothing, whichever was put first.
    different = [(one, other) for one, other in pairs if one != other]
    if not different:
        return None
    return ItemScorer.fitted([one for one, _ in different], [other for _, other in different], how.seed)


def _doubt(order: np.ndarray, chances: np.ndarray) -> float:
    if chances.shape[1] > 1 and len(chances):
        two = np.partition(chances, -2, axis=1)[:, -2:]
        return float(1 - (two[:, 1] - two[:, 0]).mean())
    if len(order) < 2:
        return 0.0
    sure = np.abs(2 * preferred(order) - 1)
    return float(1 - sure[np.triu_indices(len(order), 1)].mean())
