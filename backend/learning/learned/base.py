"""What the loop needs of something learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from backend.learning.answers import Answer, Guess
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State
from clean_al import IntelligentSampler


@dataclass(frozen=True)
class How:
    """How a control is to learn.

    Attributes
    ----------
    sampler : makes an unfitted sampler as the project asks for, with its learner
    uniform : bool array, which of the answers' tasks were drawn uniformly at random
    min_labels : answers that it takes before anything is learned
    seed : for all that is random
    """

    sampler: Callable[[], IntelligentSampler]
    uniform: np.ndarray
    min_labels: int
    seed: int


class Learned(ABC):
    """A control's model: it guesses answers, and tells of which tasks it is in doubt.

    Attributes
    ----------
    sampler : IntelligentSampler or None
        The sampler that has learned the model, where one has: it chooses by itself as long as the project
        has no other question, and estimates the accuracy. It is not stored.
    calibration : (slope, intercept) or None
        How a confidence becomes the chance of being right, where that is known without holding answers out.
    sure : (ids, confidences) or None
        How sure the sampler's model is of its answers to the tasks that `doubt` was last asked of: a round
        asks both, and a pass over a large pool takes seconds. It is not stored.
    """

    KIND: ClassVar[str]
    sampler: IntelligentSampler | None = None
    calibration: tuple[float, float] | None = None
    sure: tuple[np.ndarray, np.ndarray] | None = None

    @abstractmethod
    def guess(self, tasks: Tasks) -> list[Guess]:
        """Return what each task's answer is, as far as the model knows."""

    def doubt(self, tasks: Tasks) -> np.ndarray | None:
        """Return how unsure the model is of each task, higher for less sure; None when it cannot tell.

        Only the order counts: doubts of several questions are compared by their ranks.
        """
        return np.array([1 - guess.confidence for guess in self.guess(tasks)])

    def chances(self, tasks: Tasks, is_wanted: Callable[[Answer], bool]) -> np.ndarray | None:
        """Return how likely each task's answer is a wanted one; None where the model knows of none."""
        return None

    def groups(self, tasks: Tasks) -> np.ndarray | None:
        """Return a number for each task: of those with the same, a batch should hold one; None: no groups."""
        return None

    @property
    def columns(self) -> tuple[Answer, ...]:
        """What each class of the sampler stands for: an answer, or a member of one; () without a sampler."""
        return ()

    @abstractmethod
    def state(self) -> State:
        """Return JSON values and arrays, all that `from_state` needs besides the estimators."""

    def estimators(self) -> dict[str, Any]:
        """Return the scikit-learn objects to store beside the state, by a short name each."""
        return {}

    @classmethod
    @abstractmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        """Return the model that gave these; a wrong state raises LookupError, TypeError or ValueError."""
