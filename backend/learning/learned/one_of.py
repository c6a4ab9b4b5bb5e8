"""One answer of several: a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from backend.learning.answers import Answer, Guess
from backend.learning.learned.base import How, Learned
from backend.learning.learned.stored import from_json, to_json
from backend.learning.learned.weights import from_weights, weights_of
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State
from clean_al.learners import class_probabilities


class OneOf(Learned):
    """The probability of each answer that was given so far.

    Parameters
    ----------
    classifier : fitted; its classes are places in `answers`
    answers : what it can answer
    """

    KIND = "one of"

    def __init__(self, classifier: Any, answers: Sequence[Answer]):
        self.classifier, self.answers = classifier, tuple(answers)

    @classmethod
    def learned(cls, tasks: Tasks, answers: Sequence[Answer], how: How) -> Self | str:
        """Return a model of the answers to these tasks, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        # In a fixed order: a set's own changes from process to process, and with it every stored column.
        known = sorted(set(answers), key=_sorting_key)
        if len(known) < 2:
            return "all labels are the same so far"
        places = {answer: i for i, answer in enumerate(known)}
        sampler = how.sampler()
        y = np.array([places[answer] for answer in answers])
        sampler.fit(tasks.features.X, y, embedding=tasks.features.embedding, uniform=how.uniform)
        made = cls(sampler.model_, known)
        made.sampler = sampler
        return made

    @property
    def columns(self) -> tuple[Answer, ...]:
        return self.answers

    def probabilities(self, tasks: Tasks) -> np.ndarray:
        """Return the probability of each answer for each task; shape (n_tasks, n_answers)."""
        found = class_probabilities(self.classifier, tasks.features.X)
        # By the classes' numbers, never by position: an estimator may not have met every one of them.
        table = np.zeros((len(tasks), len(self.answers)))
        table[:, np.asarray(self.classifier.classes_, dtype=np.int64)] = found
        return table

    def guess(self, tasks: Tasks) -> list[Guess]:
        if not len(tasks):
            return []
        table = self.probabilities(tasks)
        return [
            Guess(self.answers[column], float(row[column]))
            for row, column in zip(table, table.argmax(axis=1), strict=True)
        ]

    def chances(self, tasks: Tasks, is_wanted: Callable[[Answer], bool]) -> np.ndarray | None:
        columns = [i for i, answer in enumerate(self.answers) if is_wanted(answer)]
        return self.probabilities(tasks)[:, columns].sum(axis=1) if columns else None

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the margin between the two likeliest answers."""
        two = np.partition(self.probabilities(tasks), -2, axis=1)[:, -2:]
        self.sure = tasks.ids, two[:, 1].copy()
        return 1 - (two[:, 1] - two[:, 0])

    def state(self) -> State:
        values, arrays = weights_of(self.classifier) or ({}, {})
        return values | {"answers": [to_json(answer) for answer in self.answers]}, arrays

    def estimators(self) -> dict[str, Any]:
        return {} if weights_of(self.classifier) else {"classifier": self.classifier}

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        answers = [from_json(answer) for answer in state[0]["answers"]]
        classifier = estimators.get("classifier")
        if classifier is None:
            classifier = from_weights(state, np.arange(len(answers)))
            if len(classifier.intercept_) not in (len(answers), len(answers) - 1):
                raise ValueError(f"weights of {len(classifier.intercept_)} rows for {len(answers)} answers")
        return cls(classifier, answers)


def _sorting_key(answer: Answer) -> Any:
    # Frozensets compare by inclusion, which puts them in no order.
    return sorted(map(str, answer)) if isinstance(answer, frozenset) else answer
