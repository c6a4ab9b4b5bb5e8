"""`<Rating>`: a number of stars for the whole task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned, OneOf
from backend.learning.tasks import Tasks

# Label Studio's own default for maxRating.
STARS = 5
# Of which the editor shows one each; a slip in the config must not make a list of millions.
MOST_STARS = 1000


class Rating(Control):
    """A `<Rating>` control; answers are whole numbers of stars, from 1 on."""

    LEARNS = "one of the numbers of stars, by a classifier"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Rating"

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        return why_not_the_whole_task(tag)

    @property
    def most(self) -> int:
        """The most stars that can be given."""
        written = self.tag.attributes.get("maxRating", "")
        if not (written.isascii() and written.isdigit() and written.strip("0")):
            return STARS
        # By its length first: int() refuses numbers of thousands of digits.
        digits = written.lstrip("0")
        return MOST_STARS if len(digits) > len(str(MOST_STARS)) else min(int(digits), MOST_STARS)

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(str(stars) for stars in range(1, self.most + 1))

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> int | None:
        for stars in self.values_in(result, "rating"):
            is_number = isinstance(stars, int | float) and not isinstance(stars, bool)
            if is_number and float(stars).is_integer() and stars >= 1:
                return int(stars)
        return None

    def settle(self, answers: Sequence[Answer]) -> Answer:
        """Return the median, of two in the middle the lower: between 2 and 4 stars lies 3."""
        ordered = sorted(answers, key=lambda stars: int(str(stars)))
        return ordered[(len(ordered) - 1) // 2]

    @property
    def settled_by(self) -> str:
        return "the median counts"

    def in_config(self, answer: Answer) -> bool:
        return isinstance(answer, int) and 1 <= answer <= self.most

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        return [self.result("rating", guess.answer, guess.confidence)]

    def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
        return OneOf.learned(tasks, answers, how)
