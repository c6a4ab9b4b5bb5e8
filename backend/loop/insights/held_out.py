"""What models that had not seen them say of the labeled tasks of a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backend.learning.controls import Control
from backend.learning.learned import Learned
from backend.loop.insights.opinions import Opinion, name_of
from backend.loop.learn import Given
from clean_al.decision import decided


@dataclass(frozen=True)
class HeldOut:
    """The held-out word on every labeled task of a question.

    Attributes
    ----------
    task_ids : array of shape (n,), int64
    labels : the names of the k columns
    given : array of shape (n, k), 1 where the task's answer is, or holds, the label
    probabilities : array of shape (n, k), by models that did not see the task
    uniform : bool array of shape (n,), which tasks were drawn uniformly at random
    space : array or CSR matrix of shape (n, d), in which near tasks are alike
    several : whether an answer can hold more than one label, or none
    decided : which of several labels probabilities amount to, as the model's guesses have them
    """

    control: Control
    task_ids: np.ndarray
    labels: tuple[str, ...]
    given: np.ndarray
    probabilities: np.ndarray
    uniform: np.ndarray
    space: Any
    several: bool
    decided: Callable[[np.ndarray], np.ndarray] = decided

    @cached_property
    def guessed(self) -> np.ndarray:
        """Array of shape (n, k), 1 where the guess is, or holds, the label."""
        if self.several:
            return self.decided(self.probabilities).astype(float)
        return np.eye(len(self.labels))[self.probabilities.argmax(axis=1)]

    @cached_property
    def right(self) -> np.ndarray:
        """Bool array of shape (n,), where the whole guess is the answer given."""
        return np.asarray((self.guessed == self.given).all(axis=1))

    def name(self, row: np.ndarray) -> str:
        """Return the labels that a row of zeros and ones marks."""
        return ", ".join(self.labels[j] for j in np.flatnonzero(row)) or "nothing"


def held_out(given: Given, learned: Learned | None) -> HeldOut | None:
    """Return the held-out word on a question's labels; None where there are too few, or no classifier."""
    sampler = learned.sampler if learned is not None else None
    if learned is None or sampler is None or not learned.columns:
        return None
    table, labeled = sampler.held_out_probabilities(), sampler.labeled_
    if table is None or sampler.model_ is None:
        return None
    control, k = given.control, len(learned.columns)
    several = labeled.multilabel
    # Of a set each label is a column, and is named as the set of it alone.
    answers = [frozenset((column,)) for column in learned.columns] if several else learned.columns
    return HeldOut(
        control=control,
        task_ids=given.tasks.ids,
        labels=tuple(name_of(control, answer) for answer in answers),
        # A set of a single label has a second column, its opposite.
        given=labeled.y[:, :k].astype(float) if several else np.eye(k)[labeled.y],
        probabilities=table[:, :k],
        uniform=labeled.uniform,
        space=labeled.points.X,
        several=several,
        decided=sampler.model_.decided if several else decided,
    )


@dataclass(frozen=True)
class Question:
    """A question of a project, with all that was said to it.

    Attributes
    ----------
    opinions : the usable answers of each task that has any, oldest first
    held : the held-out word on them, where there is one
    """

    control: Control
    opinions: Mapping[int, Sequence[Opinion]]
    held: HeldOut | None = None
