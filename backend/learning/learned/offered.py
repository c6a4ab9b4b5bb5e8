"""Choices that each task offers for itself (`value="$options"`): a guess is one of these, never another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from backend.learning.answers import Answer, Guess
from backend.learning.labeling_config import Choice, ControlTag, choices_in
from backend.learning.learned.base import How, Learned
from backend.learning.learned.items import MOST_ITEMS, ItemScorer
from backend.learning.learned.one_of import OneOf
from backend.learning.learned.set_of import SetOf, learn_sets
from backend.learning.tasks import Data, Tasks
from backend.learning.vectorize import State
from exporters.label_studio.value_expression import ValueExpression


@dataclass(frozen=True)
class Offer:
    """What a control offers on each task: what its config lists, and what the task's data hold.

    Parameters
    ----------
    value : where in the data, as the config has it
    fixed : the config's own choices, each by what an annotation holds for it
    single : whether one is chosen at most
    """

    value: str
    fixed: tuple[str, ...]
    single: bool

    @classmethod
    def of(cls, tag: ControlTag) -> Self:
        """Return what a control offers."""
        value = tag.dynamic.text if tag.dynamic else ""
        return cls(value, tuple(c.answer for top in tag.choices for c in top.tree()), tag.is_single)

    def on(self, data: Data) -> dict[Any, str]:
        """Return the text of each choice on one task, by what an annotation holds for it."""
        found: dict[Any, str] = {each: each for each in self.fixed}
        for choice in self._choices(data):
            found[choice.answer] = choice.value
        return found

    def rated_on(self, data: Data) -> dict[Any, str]:
        """Return the first MOST_ITEMS of them: what a scorer rates, so that the two align."""
        return dict(islice(self.on(data).items(), MOST_ITEMS))

    def paths_on(self, data: Data) -> dict[Any, Any]:
        """Return for each path of a nested choice the choice's own answer."""
        return {choice.path: choice.answer for choice in self._choices(data)}

    def _choices(self, data: Data) -> Iterator[Choice]:
        for top in choices_in(data, ValueExpression(self.value)):
            yield from top.tree()


class OfferedSet(Learned):
    """A model of the whole vocabulary, of which each task is told what it offers.

    Parameters
    ----------
    offer : what each task offers
    inner : answers are frozensets of choices
    """

    KIND = "offered of many"

    def __init__(self, offer: Offer, inner: OneOf | SetOf):
        self.offer, self.inner = offer, inner

    def guess(self, tasks: Tasks) -> list[Guess]:
        table = self._table(tasks)
        return [self._guess(row) for row in table]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the margin of the two likeliest, or the mean margin of the choices on offer."""
        table = self._table(tasks)
        if isinstance(self.inner, OneOf):
            # Of what is on offer alone: the rest was set to 0, and the others brought to 1 again.
            two = np.partition(table, -2, axis=1)[:, -2:]
            return 1 - (two[:, 1] - two[:, 0])
        offered = table > 0
        margins = np.where(offered, np.abs(2 * table - 1), 0).sum(axis=1) / np.maximum(offered.sum(axis=1), 1)
        return np.where(offered.any(axis=1), 1 - margins, 0)

    def state(self) -> State:
        values, arrays = self.inner.state()
        return _offer_state(self.offer) | {"kind": self.inner.KIND, "inner": values}, arrays

    def estimators(self) -> dict[str, Any]:
        return self.inner.estimators()

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        values, arrays = state
        kinds: dict[str, type[OneOf] | type[SetOf]] = {OneOf.KIND: OneOf, SetOf.KIND: SetOf}
        kind = kinds[values["kind"]]
        return cls(_offer_from(values), kind.from_state((values["inner"], arrays), estimators))

    def _table(self, tasks: Tasks) -> np.ndarray:
        """Return the probabilities with 0 for what a task does not offer."""
        if not len(tasks):
            return np.zeros((0, 2))
        table = self.inner.probabilities(tasks).copy()
        answers = self.inner.answers if isinstance(self.inner, OneOf) else [{x} for x in self.inner.labels]
        for row, data in zip(table, tasks.data, strict=True):
            offered = {*self.offer.on(data), *self.offer.paths_on(data)}
            row[[not offered.issuperset(answer) for answer in answers]] = 0  # type: ignore[arg-type]
        if isinstance(self.inner, OneOf):
            total = table.sum(axis=1, keepdims=True)
            table /= np.where(total > 0, total, 1)
        return table

    def _guess(self, row: np.ndarray) -> Guess:
        # Nothing that was ever chosen is on offer here: no guess is better than an impossible one.
        if not row.any():
            return Guess(frozenset(), 0.0)
        if isinstance(self.inner, OneOf):
            return Guess(self.inner.answers[int(row.argmax())], float(row.max()))
        return self.inner.guess_of(row)


class ChosenItems(Learned):
    """A score for each choice by its text, for choices that are new on every task.

    Parameters
    ----------
    offer : what each task offers
    scorer : fitted on what was chosen against what was not
    slope, offset : from a score to the log odds that it is chosen, where several can be
    """

    KIND = "chosen by their texts"

    def __init__(self, offer: Offer, scorer: ItemScorer, slope: float, offset: float):
        self.offer, self.scorer, self.slope, self.offset = offer, scorer, slope, offset

    @classmethod
    def learned(cls, tasks: Tasks, answers: Sequence[Any], how: How, offer: Offer) -> Self | str:
        """Return a model of these answers, or why there cannot be one yet."""
        offers = [offer.rated_on(data) for data in tasks.data]
        chosen = [_texts_of(a, o, offer, d) for a, o, d in zip(answers, offers, tasks.data, strict=True)]
        pairs = [
            (one, other)
            for picked, offered in zip(chosen, offers, strict=True)
            for one in sorted(picked)
            # By texts: a scorer cannot tell two choices of the same words apart.
            for other in dict.fromkeys(offered.values())
            if other not in picked
        ]
        if not pairs:
            return "no task offers both what was chosen and what was not"
        scorer = ItemScorer.fitted([one for one, _ in pairs], [other for _, other in pairs], how.seed)
        texts = [list(dict.fromkeys(offered.values())) for offered in offers]
        scores = np.concatenate(scorer.scores_of(texts))
        is_chosen = np.array(
            [t in picked for of_task, picked in zip(texts, chosen, strict=True) for t in of_task]
        )
        # How many of them are chosen at all is in no difference of scores.
        odds = LogisticRegression(C=1.0).fit(scores[:, None], is_chosen)
        return cls(offer, scorer, float(odds.coef_[0, 0]), float(odds.intercept_[0]))

    def guess(self, tasks: Tasks) -> list[Guess]:
        return [self._guess(*each) for each in self._chances(tasks)]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the margin of the two likeliest, or the mean margin of a yes or no for each."""
        return np.array([self._doubt(chances) for _, chances in self._chances(tasks)])

    def state(self) -> State:
        values, arrays = self.scorer.state()
        odds = {"slope": self.slope, "offset": self.offset}
        return _offer_state(self.offer) | odds | {"scorer": values}, arrays

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        values, arrays = state
        scorer = ItemScorer.from_state((values["scorer"], arrays))
        return cls(_offer_from(values), scorer, float(values["slope"]), float(values["offset"]))

    def _chances(self, tasks: Tasks) -> list[tuple[list[Any], np.ndarray]]:
        offers = [self.offer.rated_on(data) for data in tasks.data]
        scores = self.scorer.scores_of([list(offered.values()) for offered in offers])
        return [(list(o), self._likely(s)) for o, s in zip(offers, scores, strict=True)]

    def _likely(self, scores: np.ndarray) -> np.ndarray:
        if self.offer.single:
            return softmax(scores) if len(scores) else scores
        # Differences of scores are log odds, scores themselves are not: their scale is learned apart.
        return expit(self.slope * scores + self.offset)

    def _guess(self, offered: list[Any], chances: np.ndarray) -> Guess:
        if not offered:
            return Guess(frozenset(), 0.0)
        if self.offer.single:
            return Guess(frozenset({offered[int(chances.argmax())]}), float(chances.max()))
        picked = chances >= 0.5
        parts = tuple((offered[i], float(chances[i])) for i in np.flatnonzero(picked))
        return Guess(
            frozenset(each for each, _ in parts), float(np.where(picked, chances, 1 - chances).prod()), parts
        )

    def _doubt(self, chances: np.ndarray) -> float:
        if len(chances) < 2:
            return 0.0
        if self.offer.single:
            two = np.sort(chances)[-2:]
            return float(1 - (two[1] - two[0]))
        return float(1 - np.abs(2 * chances - 1).mean())


def learn_offered(
    tasks: Tasks, answers: Sequence[frozenset[Answer]], how: How, offer: Offer
) -> Learned | str:
    """Return a model of a vocabulary where tasks share their choices, else of choices by their texts."""
    if len(answers) < how.min_labels:
        return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
    if len(set(answers)) < 2:
        return "all labels are the same so far"
    occurs = Counter(each for data in tasks.data for each in offer.on(data))
    # Most of what is offered occurs again: then a choice itself can be learned, else only its words can.
    shared = sum(n for n in occurs.values() if n > 1)
    if 2 * shared < sum(occurs.values()):
        return ChosenItems.learned(tasks, answers, how, offer)
    inner = learn_sets(tasks, answers, how)
    return OfferedSet(offer, inner) if isinstance(inner, OneOf | SetOf) else inner


def _texts_of(answer: Any, offered: Mapping[Any, str], offer: Offer, data: Data) -> set[str]:
    paths = offer.paths_on(data) if any(isinstance(member, tuple) for member in answer) else {}
    return {offered[paths.get(m, m)] for m in answer if paths.get(m, m) in offered}


def _offer_state(offer: Offer) -> dict[str, Any]:
    return {"offer": [offer.value, list(offer.fixed), offer.single]}


def _offer_from(values: Mapping[str, Any]) -> Offer:
    value, fixed, single = values["offer"]
    return Offer(str(value), tuple(map(str, fixed)), bool(single))
