"""Single-choice `<Choices>`: one label for the whole task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_no_choices, why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned, OneOf
from backend.learning.tasks import Tasks


class SingleChoice(Control):
    """A `<Choices>` control of which an annotator picks one; answers are labels."""

    LEARNS = "one of its labels, by a classifier"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        is_single = tag.attributes.get("choice", "single") != "multiple" and not tag.nested
        # One choice alone is a yes or no, be it called single.
        return tag.tag == "Choices" and tag.dynamic is None and is_single and len(tag.labels) != 1

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        return why_no_choices(tag) or why_not_the_whole_task(tag)

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
