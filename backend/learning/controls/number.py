"""`<Number>`: an amount for the whole task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import Amount, How, Learned
from backend.learning.measures import ERROR
from backend.learning.tasks import Tasks

# Different numbers that are counted one by one; of more, only how many lie in each quarter of their range.
MOST_COUNTED = 12


class Number(Control):
    """A `<Number>` control; answers are floats between its `min` and `max`, where it has these."""

    LEARNS = "the number, by ridge regression"
    MEASURE = ERROR

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Number"

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        return why_not_the_whole_task(tag)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that can be given; bounds that are no numbers, or cross, do not count."""
        low, high = self._number("min", -math.inf), self._number("max", math.inf)
        return (low, high) if low <= high else (-math.inf, math.inf)

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> float | None:
        for value in self.values_in(result, "number"):
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
                return float(value)
        return None

    def in_config(self, answer: Answer) -> bool:
        low, high = self.bounds
        return isinstance(answer, float) and low <= answer <= high

    def settle(self, answers: Sequence[Any]) -> Answer:
        """Return the median, of two in the middle the lower."""
        return sorted(answers)[(len(answers) - 1) // 2]

    @property
    def settled_by(self) -> str:
        return "the median counts"

    def counts(self, answers: Sequence[Any]) -> dict[str, int]:
        given, counts = np.unique(np.array(answers, dtype=float), return_counts=True)
        if len(given) > MOST_COUNTED:
            counts, edges = np.histogram(np.array(answers, dtype=float), 4)
            names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        else:
            names = [f"{value:g}" for value in given]
        return {name: int(n) for name, n in zip(names, counts, strict=True) if n}

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        if not isinstance(guess.answer, float) or not math.isfinite(guess.answer):
            return []
        value = self._allowed(guess.answer)
        whole = int(value) if value.is_integer() else value
        return [self.result("number", whole, guess.confidence)]

    def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
        return Amount.learned(tasks, answers, how)

    def _allowed(self, value: float) -> float:
        """Return the nearest number that the editor takes: a whole number of steps from `min`, or from 0."""
        low, high = self.bounds
        step = self._number("step", 0.0)
        if step > 0:
            start = low if math.isfinite(low) else 0.0
            steps = round((value - start) / step)
            if math.isfinite(high):
                # The last step may end before `max`, and the editor takes none beyond.
                steps = min(steps, math.floor((high - start) / step + 1e-9))
            value = round(start + steps * step, 9)
        return min(max(value, low), high)

    def _number(self, name: str, missing: float) -> float:
        try:
            found = float(self.tag.attributes.get(name, ""))
        except ValueError:
            return missing
        return found if math.isfinite(found) else missing
