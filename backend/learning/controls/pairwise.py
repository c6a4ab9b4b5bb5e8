"""`<Pairwise>`: which of two objects is preferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned, OneOf, Preference
from backend.learning.tasks import Tasks

SIDES = ("left", "right")
TEXTS = frozenset(("text", "html", "paragraphs"))


class Pairwise(Control):
    """A `<Pairwise>` control; answers are "left" and "right".

    Of two texts it is learned what makes one preferred, wherever it stands; of other objects, from the
    features of the task, on which side the preferred one is.
    """

    LEARNS = "which of the two is preferred, by what the preferred ones have in common"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Pairwise"

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        if len(set(tag.to_names)) != 2:
            return 'toName must name two objects ("one,other")'
        return why_not_the_whole_task(tag)

    @property
    def offered(self) -> tuple[str, ...]:
        return SIDES

    @property
    def shown_on(self) -> str:
        # The editor itself writes this control's own name, which Label Studio refuses in a prediction.
        return self.tag.to_names[0]

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> str | None:
        return next((side for side in self.values_in(result, "selected") if side in SIDES), None)

    def in_config(self, answer: Answer) -> bool:
        return answer in SIDES

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        shown = self.result("pairwise", None, guess.confidence)
        return [shown | {"value": {"selected": guess.answer}}]

    def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
        one, other = self.tag.objects[:2]
        # A text that lies elsewhere is not at hand, as no picture is.
        if {one.kind, other.kind} <= TEXTS and not (one.by_address or other.by_address):
            return Preference.learned(tasks, answers, how, (one.value.text, other.value.text))
        return OneOf.learned(tasks, answers, how)
