"""`<Choices>` of which several can be picked, and nested ones: a set of labels for the whole task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_no_choices, why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned
from backend.learning.learned.set_of import learn_sets
from backend.learning.tasks import Tasks

# A label, or with allowNested="true" the labels from the root down to it.
Member = str | tuple[str, ...]


class MultipleChoice(Control):
    """A `<Choices>` control with choice="multiple", or whose choices form a tree; answers are frozensets.

    One `<Choice>` alone is such a set, too: picked or not.
    """

    LEARNS = "which of its labels, a yes or no for each"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        is_set = tag.attributes.get("choice") == "multiple" or tag.nested or len(tag.labels) == 1
        return tag.tag == "Choices" and tag.dynamic is None and is_set

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        if len(tag.labels) == 1 and tag.attributes.get("required", "").lower() == "true":
            return "it has one <Choice> alone and is required, so every answer is the same; add a second one"
        return why_no_choices(tag) or why_not_the_whole_task(tag)

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> frozenset[Member] | None:
        """Return what was picked. Nothing picked is an answer, too, unless the control is required."""
        given = list(self.values_in(result, "choices"))
        lists = (choices for choices in given if isinstance(choices, list))
        members = [member for choices in lists for member in map(_member, choices) if member is not None]
        # Something stands there that is no choice: that is not "none of them".
        if any(given) and not members:
            return None
        required = self.tag.attributes.get("required", "").lower() == "true"
        # Where one must be picked the editor takes no empty answer: an import has left it out.
        return frozenset(members) if members or not required else None

    def in_config(self, answer: Answer) -> bool:
        names = set(self.tag.labels)
        return isinstance(answer, frozenset) and all(_last(member) in names for member in answer)

    def counts(self, answers: Sequence[Answer]) -> dict[str, int]:
        return count_members(answers, _last)

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        members = sorted(guess.answer, key=self._place) if isinstance(guess.answer, frozenset) else []
        choices = [list(member) if isinstance(member, tuple) else member for member in members]
        return [self.result("choices", choices, guess.confidence)] if choices else []

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return learn_sets(tasks, answers, how)

    def _place(self, member: Member) -> int:
        label = _last(member)
        return self.tag.labels.index(label) if label in self.tag.labels else len(self.tag.labels)


def count_members(answers: Sequence[Any], name: Any = str) -> dict[str, int]:
    """Return how many answers hold each member, by its name."""
    return dict(Counter(name(member) for answer in answers for member in answer))


def _member(choice: Any) -> Member | None:
    if isinstance(choice, str):
        return choice
    if isinstance(choice, list) and choice and all(isinstance(part, str) for part in choice):
        return tuple(choice)
    return None


def _last(member: Member) -> str:
    return member if isinstance(member, str) else member[-1]
