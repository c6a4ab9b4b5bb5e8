"""What the loop needs of a control."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from backend.learning.answers import Answer, Guess, majority
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned
from backend.learning.measures import ACCURACY, Measure
from backend.learning.tasks import Tasks


@dataclass(frozen=True)
class Control(ABC):
    """One question to the annotators: it owns what its answers look like, and how they are learned.

    Everybody else passes answers on as they are.

    Parameters
    ----------
    tag : what the labeling config says of it

    Attributes
    ----------
    LEARNS : what is learned of it, for people to read
    SHOWS : whether a guess is ever shown to an annotator
    MEASURE : how good guesses are, where no sampler has learned them
    """

    LEARNS: ClassVar[str]
    SHOWS: ClassVar[bool] = True
    MEASURE: ClassVar[Measure] = ACCURACY

    tag: ControlTag

    @property
    def name(self) -> str:
        """The control's name in the labeling config; the question goes by it everywhere."""
        return self.tag.name

    @staticmethod
    @abstractmethod
    def takes(tag: ControlTag) -> bool:
        """Whether a tag is of this kind; several kinds may share a tag, and the first in the table has it."""

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        """Return why such a tag cannot be learned from, and what could be instead; None when it can."""
        return None

    @classmethod
    def from_tag(cls, tag: ControlTag) -> Self:
        """Return the control that a tag describes."""
        return cls(tag)

    @abstractmethod
    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> Answer | None:
        """Return what an annotation's result answers, None when it does not. It may hold anything."""

    def asked(self, result: Sequence[Any]) -> bool:
        """Whether an annotator with this result was shown the question, see `visibleWhen`."""
        return all(condition.holds(result) for condition in self.tag.conditions)

    @abstractmethod
    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        """Return the prediction result that shows a guess to an annotator."""

    @abstractmethod
    def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
        """Return a model of the answers to these tasks, row by row, or why there cannot be one yet."""

    def settle(self, answers: Sequence[Answer]) -> Answer:
        """Return the one answer that several annotators' make; oldest come first."""
        return majority(answers)

    @property
    def settled_by(self) -> str:
        """How several annotators' answers make one, for people to read."""
        return "the majority counts"

    def in_config(self, answer: Answer) -> bool:
        """Whether the labeling config still offers an answer; others are not learned from."""
        return True

    def misplaced(self, tasks: Tasks, answers: Sequence[Answer]) -> tuple[np.ndarray, str]:
        """Return which of these tasks have an answer that does not fit their data, and what is wrong."""
        return np.empty(0, dtype=np.int64), ""

    def counts(self, answers: Sequence[Answer]) -> dict[str, int]:
        """Return how often each label was chosen, for people to read."""
        return dict(Counter(map(str, answers)))

    @property
    def offered(self) -> tuple[str, ...]:
        """The labels that the config offers, as `counts` names them; none where they are not a short list."""
        return self.tag.labels

    @property
    def shown_on(self) -> str:
        """What a result of this control names as its `to_name`."""
        return self.tag.to_name

    def values_in(self, result: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Any]:
        """Yield the values of this kind that a result gives to this control."""
        for item in result:
            # Annotations may be imported, and hold anything.
            if not isinstance(item, Mapping) or item.get("from_name") != self.name:
                continue
            value = item.get("value")
            if isinstance(value, Mapping) and kind in value:
                yield value[kind]

    def holds_something(self, result: Sequence[Any]) -> bool:
        """Whether a result says anything at all to this control, be it an answer or not."""
        own = (item for item in result if isinstance(item, Mapping) and item.get("from_name") == self.name)
        values = (item.get("value") for item in own)
        return any(any(value.values()) if isinstance(value, Mapping) else value for value in values)

    def result(self, kind: str, value: Any, confidence: float) -> dict[str, Any]:
        """Return one item of a prediction result; the confidence stands where no score of a task can."""
        return {
            "from_name": self.name,
            "to_name": self.shown_on,
            "type": kind,
            "value": {kind: value},
            "score": round(float(confidence), 4),
        }
