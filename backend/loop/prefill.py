"""What annotators find filled in when they open a task of the head.

Another model's prediction stays what it was: our head adds the order alone. Guesses of our own are shown
where they are likely right, as the project wishes, and never on tasks of the audit share: a label that
follows a guess says nothing about how good the guesses are.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy
from backend.learning.answers import Guess
from backend.learning.controls import Control
from backend.loop.situation import Situation
from backend.store.models import Model

# How likely right a guess must be to be shown: four of five shown ones then spare the annotator the work.
CONFIDENT = 0.8

Results = list[list[dict[str, Any]]]


def results_for(
    situation: Situation,
    task_ids: np.ndarray,
    audit: np.ndarray,
    model: Model | None,
    accuracies: Mapping[str, Accuracy],
) -> Results:
    """Return the prediction result of each task of a head: another model's, our guesses, or nothing."""
    tasks = situation.tasks(task_ids)
    others: Results = [found["result"] if found else [] for found in tasks.predictions(None)]
    ours: Results = [[] for _ in task_ids]
    if model is not None and len(task_ids):
        shown = Prefill(situation.options.prefill, accuracies, situation.controls)
        hidden = audit | ~tasks.features.readable
        ours = shown.results(model.guesses_of(tasks), hidden)
    return [copy.deepcopy(other) if other else own for other, own in zip(others, ours, strict=True)]


class Prefill:
    """Which guesses an annotator is shown.

    Parameters
    ----------
    wish : "confident", "always" or "never"; the project's option `prefill`
    accuracies : what is known of each question's model, of which its calibration is used
    controls : the questions, in the config's order
    """

    def __init__(self, wish: str, accuracies: Mapping[str, Accuracy], controls: Sequence[Control]):
        self._wish, self._accuracies, self._controls = wish, accuracies, controls

    def results(self, guesses: Mapping[str, Sequence[Guess]], hidden: np.ndarray) -> Results:
        """Return for each task the result that shows its guesses; none where it is hidden."""
        return [
            [] if hide else self._result({name: given[row] for name, given in guesses.items()})
            for row, hide in enumerate(hidden)
        ]

    def _result(self, guesses: Mapping[str, Guess]) -> list[dict[str, Any]]:
        """Return what shows these guesses, in the config's order.

        A guess stands only where the others show its question, as `visibleWhen` has it.
        """
        asked = [c for c in self._controls if c.name in guesses and self._is_shown(c.name, guesses[c.name])]
        shown = {control.name: control.result_for(guesses[control.name]) for control in asked}
        while True:
            result = [item for items in shown.values() for item in items]
            # Again and again: a guess that falls away may be what another one was shown by.
            hidden = [c.name for c in asked if shown[c.name] and not c.asked(result)]
            if not hidden:
                return result
            shown |= {name: [] for name in hidden}

    def _is_shown(self, question: str, guess: Guess) -> bool:
        if self._wish != "confident":
            return self._wish == "always"
        calibrated = self._accuracies.get(question, Accuracy()).calibrated(guess.confidence)
        return calibrated is not None and calibrated >= CONFIDENT
