"""`<Ranker>`: the order of a list's items, or which bucket each belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.controls.whole_task import why_not_the_whole_task
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned, Ranking
from backend.learning.learned.ranking import Buckets
from backend.learning.tasks import Tasks

# Where the editor keeps the items that are in no bucket.
LEFT_OVER = "_"


class Ranker(Control):
    """A `<Ranker>` control; an answer holds (bucket, (item ids, the best first)) for each bucket with items.

    Without `<Bucket>` tags there is one, named "". Items that were left where they stood are no part of it.
    """

    LEARNS = "the order of the items, or their buckets, by what their texts have in common"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag == "Ranker"

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        if not tag.objects or not tag.objects[0].value.variables:
            return "toName must name a <List> whose items are in the task data"
        return why_not_the_whole_task(tag)

    @property
    def offered(self) -> tuple[str, ...]:
        return self.tag.buckets

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> Buckets | None:
        for given in self.values_in(result, "ranker"):
            # Older releases and some importers give the plain order as a list.
            by_bucket = given if isinstance(given, Mapping) else {self.name: given}
            found = tuple(
                ("" if not self.tag.buckets and name == self.name else name, tuple(map(str, ids)))
                for name, ids in by_bucket.items()
                if name != LEFT_OVER and isinstance(ids, list) and ids and all(map(_is_id, ids))
            )
            if found:
                return tuple(sorted(found, key=self._place))
        return None

    def in_config(self, answer: Answer) -> bool:
        allowed = self.tag.buckets or ("",)
        return isinstance(answer, tuple) and all(name in allowed for name, _ in answer)

    def counts(self, answers: Sequence[Any]) -> dict[str, int]:
        names = Counter(name for answer in answers for name, _ in answer)
        return {name or "ranked": n for name, n in names.items()}

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        answer = guess.answer if isinstance(guess.answer, tuple) else ()
        # Without buckets the editor calls the one that there is after the control.
        held = {name or self.name: list(ids) for name, ids in answer if ids}
        return [self.result("ranker", held, guess.confidence)] if held else []

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return Ranking.learned(tasks, answers, how, self.tag.objects[0].value.text, self.tag.buckets)

    def _place(self, held: tuple[str, tuple[str, ...]]) -> int:
        names = self.tag.buckets
        return names.index(held[0]) if held[0] in names else len(names)


def _is_id(given: Any) -> bool:
    return isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool))
