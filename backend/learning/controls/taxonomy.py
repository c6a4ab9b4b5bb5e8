"""`<Taxonomy>`: a set of places in a tree, each given by the labels from its root down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.multiple_choice import count_members
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned
from backend.learning.learned.set_of import learn_sets
from backend.learning.tasks import Tasks


class Taxonomy(Control):
    """A `<Taxonomy>` control; answers are frozensets of paths, tuples of labels.

    Its tree may be in the config, in the task data or at an address: what was ever chosen is learned,
    wherever it comes from.
    """

    LEARNS = "which places of its tree, a yes or no for each"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Taxonomy"

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        return why_not_the_whole_task(tag)

    @property
    def offered(self) -> tuple[str, ...]:
        return ()

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> frozenset[tuple[str, ...]] | None:
        paths = [
            path
            for given in self.values_in(result, "taxonomy")
            if isinstance(given, list)
            for path in map(_path, given)
            if path
        ]
        # Trees are large and seldom left out on purpose: nothing chosen is no answer.
        return frozenset(paths) or None

    def counts(self, answers: Sequence[Answer]) -> dict[str, int]:
        return count_members(answers, " / ".join)

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        paths = sorted(guess.answer) if isinstance(guess.answer, frozenset) else []
        return [self.result("taxonomy", [list(p) for p in paths], guess.confidence)] if paths else []

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return learn_sets(tasks, answers, how)


def _path(given: Any) -> tuple[str, ...]:
    """Return a path as a tuple, () for what is none; older Label Studios gave leaves as strings."""
    if isinstance(given, str):
        return (given,)
    labels = given if isinstance(given, list) else []
    return tuple(labels) if all(isinstance(label, str) for label in labels) else ()
