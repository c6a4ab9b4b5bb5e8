"""What a project is labeled for, where that is not a good model: the option `goal`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.learning.answers import Answer
from backend.learning.controls import Control
from backend.learning.labels import ProjectLabels
from backend.learning.learned import Learned
from backend.learning.tasks import Tasks

FIND = "find:"


@dataclass(frozen=True)
class Goal:
    """To find as many tasks with one label as can be.

    Attributes
    ----------
    control : the question that has the label
    label : as the labeling config has it
    """

    control: Control
    label: str

    def holds(self, answer: Answer) -> bool:
        """Whether an answer has the label."""
        return self.label in self.control.counts([answer])

    def chances(self, learned: Mapping[str, Learned], tasks: Tasks) -> np.ndarray | None:
        """Return how likely each task has the label; None while no model knows it."""
        model = learned.get(self.control.name)
        return model.chances(tasks, self.holds) if model is not None else None

    def told(self, labels: ProjectLabels) -> str:
        """Return how far it has come, in words."""
        answers = next((q.answers for q in labels.questions if q.control == self.control), ())
        found = sum(map(self.holds, answers))
        if not found:
            return f"looks for {self.label}: no task has it yet; until one does, the order is the usual one"
        return f"looks for {self.label}: {found} found in {len(answers)} labeled tasks"


def goal_of(wanted: str | None, controls: Sequence[Control]) -> tuple[Goal | None, str]:
    """Return the goal that the option names, or why it is none of this project's.

    Parameters
    ----------
    wanted : "find:<label>", or None
    controls : the questions that are learned
    """
    if wanted is None:
        return None, ""
    label = wanted.removeprefix(FIND).strip()
    having = [control for control in controls if label in control.offered]
    # Labels of some controls stand in the task data or elsewhere: they are known when they are given.
    having += [control for control in controls if not control.offered]
    if having:
        # Of several questions that offer it the first one, as the config has them.
        return Goal(having[0], label), ""
    offered = ", ".join(name for control in controls for name in control.offered) or "none"
    return None, f"option goal: no label {label!r} to find; there are {offered}"
