"""Which of two is preferred: a score for each, learned from the pairs that people compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.special import expit

from backend.learning.answers import Guess
from backend.learning.learned.base import How, Learned
from backend.learning.learned.items import ItemScorer, text_of
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State, look_up

LEFT, RIGHT = "left", "right"


class Preference(Learned):
    """The probability that the left one of two texts is preferred.

    Parameters
    ----------
    fields : the values of the two objects, as the labeling config has them
    scorer : fitted
    """

    KIND = "preference"

    def __init__(self, fields: tuple[str, str], scorer: ItemScorer):
        self.fields, self.scorer = fields, scorer

    @classmethod
    def learned(cls, tasks: Tasks, answers: Sequence[Any], how: How, fields: tuple[str, str]) -> Self | str:
        """Return a model of the answers to these tasks, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        if len(set(answers)) < 2:
            return "all labels are the same so far"
        pairs = _pairs(tasks, fields)
        # A bool as a place: the left one is 0, the right one 1.
        better = [pair[answer == RIGHT] for pair, answer in zip(pairs, answers, strict=True)]
        worse = [pair[answer == LEFT] for pair, answer in zip(pairs, answers, strict=True)]
        if better == worse:
            return "the items that are compared have no text, or the same"
        return cls(fields, ItemScorer.fitted(better, worse, how.seed))

    def guess(self, tasks: Tasks) -> list[Guess]:
        return [Guess(LEFT if p >= 0.5 else RIGHT, float(max(p, 1 - p))) for p in self._left(tasks)]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the margin between left and right."""
        return 1 - np.abs(2 * self._left(tasks) - 1)

    def state(self) -> State:
        values, arrays = self.scorer.state()
        return {"fields": list(self.fields), "scorer": values}, arrays

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        one, other = state[0]["fields"]
        return cls((one, other), ItemScorer.from_state((state[0]["scorer"], state[1])))

    def _left(self, tasks: Tasks) -> np.ndarray:
        scores = self.scorer.scores([text for pair in _pairs(tasks, self.fields) for text in pair])
        return expit(scores[0::2] - scores[1::2])


def _pairs(tasks: Tasks, fields: tuple[str, str]) -> list[tuple[str, str]]:
    one, other = fields
    return [(text_of(look_up(data, one)), text_of(look_up(data, other))) for data in tasks.data]
