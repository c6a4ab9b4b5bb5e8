"""Single-choice `<Choices>`: one label for the whole task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned, OneOf
from backend.learning.tasks import Tasks


class SingleChoice(Control):
    """A `<Choices>` control of which an annotator picks one; answers are labels."""

    LEARNS = "one of its labels, by a classifier"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return (
            tag.tag == "Choices" and tag.attributes.get("choice", "single") != "multiple" and not tag.nested
        )

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        if "value" in tag.attributes:
            return 'its value names no field of the task data ("$options")'
        if len(tag.labels) < 2:
            return "it has fewer than two <Choice> tags"
        return why_not_the_whole_task(tag)

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> str | None:
        for choices in self.values_in(result, "choices"):
            # Two picks where one is asked (imported, or from an older config) do not say which is meant.
            if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], str):
                return choices[0]
        return None

    def in_config(self, answer: Answer) -> bool:
        return answer in self.tag.labels

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        return [self.result("choices", [guess.answer], guess.confidence)]

    def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
        return OneOf.learned(tasks, answers, how)
