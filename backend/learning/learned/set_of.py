"""Any number of labels at once: a yes or no for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from backend.learning.answers import Answer, Guess
from backend.learning.learned.base import How, Learned
from backend.learning.learned.one_of import OneOf
from backend.learning.learned.stored import from_json, to_json
from backend.learning.learned.weights import label_weights_of, labels_from_weights
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State
from clean_al.decision import decided, sureness
from clean_al.multilabel import PerLabelClassifier


class SetOf(Learned):
    """The probability of each label that was given so far; answers are frozensets of them.

    Parameters
    ----------
    classifier : fitted; a column a label
    labels : what an answer can hold
    at_least_one : whether every answer so far held some label; then a guess does, too
    """

    KIND = "set of"

    def __init__(self, classifier: PerLabelClassifier, labels: Sequence[Answer], at_least_one: bool):
        self.classifier, self.labels, self.at_least_one = classifier, tuple(labels), at_least_one

    @classmethod
    def learned(cls, tasks: Tasks, answers: Sequence[frozenset[Answer]], how: How) -> Self | str:
        """Return a model of the answers to these tasks, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        if len(set(answers)) < 2:
            return "all labels are the same so far"
        # In a fixed order, as every stored column stands for one.
        labels = sorted(frozenset().union(*answers), key=str)
        y = np.array([[label in answer for label in labels] for answer in answers], dtype=np.intp)
        if len(labels) == 1:
            # One column would be read as one label a task; a second, its opposite, keeps it a set.
            y = np.column_stack([y, 1 - y])
        sampler = how.sampler()
        sampler.fit(tasks.features.X, y, embedding=tasks.features.embedding, uniform=how.uniform)
        classifier: Any = sampler.model_
        made = cls(classifier, labels, all(answers))
        made.sampler = sampler
        return made

    @property
    def columns(self) -> tuple[Answer, ...]:
        return self.labels

    def probabilities(self, tasks: Tasks) -> np.ndarray:
        """Return the probability of each label for each task; shape (n_tasks, n_labels)."""
        return self.classifier.predict_proba(tasks.features.X)[:, : len(self.labels)]

    def guess(self, tasks: Tasks) -> list[Guess]:
        return [self.guess_of(row) for row in self.probabilities(tasks)] if len(tasks) else []

    def guess_of(self, row: np.ndarray) -> Guess:
        """Return what the probabilities of the labels amount to."""
        chosen = decided(row[None], self.classifier.threshold_, self.at_least_one)
        # As if labels were independent, which binary relevance takes them to be.
        confidence = float(sureness(row[None], chosen)[0])
        parts = tuple((self.labels[j], float(row[j])) for j in np.flatnonzero(chosen[0]))
        return Guess(frozenset(label for label, _ in parts), confidence, parts)

    def chances(self, tasks: Tasks, is_wanted: Callable[[Answer], bool]) -> np.ndarray | None:
        columns = [j for j, label in enumerate(self.labels) if is_wanted(frozenset((label,)))]
        # As if labels were independent, as in `guess_of`.
        return 1 - np.prod(1 - self.probabilities(tasks)[:, columns], axis=1) if columns else None

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the mean margin of the labels' yes or no."""
        table = self.classifier.predict_proba(tasks.features.X)
        self.sure = tasks.ids, self.classifier.sureness(table)
        return 1 - np.abs(2 * table[:, : len(self.labels)] - 1).mean(axis=1)

    def state(self) -> State:
        values, arrays = label_weights_of(self.classifier) or ({}, {})
        labels = [to_json(label) for label in self.labels]
        return values | {"labels": labels, "at_least_one": self.at_least_one}, arrays

    def estimators(self) -> dict[str, Any]:
        return {} if label_weights_of(self.classifier) else {"classifier": self.classifier}

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        labels = [from_json(label) for label in state[0]["labels"]]
        classifier = estimators.get("classifier") or labels_from_weights(state)
        if len(classifier.models_) < len(labels):
            raise ValueError(f"{len(classifier.models_)} columns for {len(labels)} labels")
        return cls(classifier, labels, bool(state[0]["at_least_one"]))


def learn_sets(tasks: Tasks, answers: Sequence[frozenset[Answer]], how: How) -> Learned | str:
    """Return a model of sets: where every one so far has a single member, one that chooses among them."""
    # Chances of a classifier add up to one: where people pick exactly one it is the better model.
    if all(len(answer) == 1 for answer in answers):
        return OneOf.learned(tasks, answers, how)
    return SetOf.learned(tasks, answers, how)
