"""`<Choices value="$options">`: what can be chosen stands in each task's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer
from backend.learning.controls.multiple_choice import Member, MultipleChoice
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned
from backend.learning.learned.offered import Offer, learn_offered
from backend.learning.tasks import Tasks


class OfferedChoices(MultipleChoice):
    """A `<Choices>` control with `value`; answers are frozensets, of one choice at most where one is asked.

    Where tasks share their choices, which of them fits is learned from the task's features; where each task
    has its own, from the choices' texts. A guess is always one of the task's own.
    """

    LEARNS = "which of the task's own choices, by the task where they recur, else by their texts"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Choices" and tag.dynamic is not None

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        return why_not_the_whole_task(tag)

    @property
    def offered(self) -> tuple[str, ...]:
        return ()

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> frozenset[Member] | None:
        found = super().answer_of(result)
        if not self.tag.is_single:
            return found
        # Where one is asked, two do not say which is meant.
        return found if found is not None and len(found) == 1 else None

    def in_config(self, answer: Answer) -> bool:
        return True

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return learn_offered(tasks, answers, how, Offer.of(self.tag))
