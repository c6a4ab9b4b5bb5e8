"""Which labels occur in a task, and about how often: what is learned of regions without inventing one."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from backend.learning.answers import Answer, Guess
from backend.learning.controls.base import Control
from backend.learning.learned import How, Learned
from backend.learning.learned.set_of import learn_sets
from backend.learning.tasks import Tasks

# A label, and the least number of times that it occurs.
Occurrence = tuple[str, int]
# Doubling: whether there are 17 or 18 of them is no question that orders tasks.
AT_LEAST = (1, 2, 4, 8, 16, 32)
# The index of a <Repeater>'s copy in the names of its controls.
_FLAG = re.compile(r"\{\{\w+\}\}")


class Occurrences(Control):
    """A control of which a task can hold any number of answers, each on a region, an item or a repeated part.

    An answer is a frozenset of (label, n), for "this label occurs n times at least", n out of 1, 2, 4 and so
    on: a yes or no for each is how an ordinal number is learned. Nothing found is an answer, too, unless the
    control is required. What it guesses orders the tasks; no region is ever shown.

    References
    ----------
    Frank and Hall, A simple approach to ordinal classification, ECML 2001.
    """

    SHOWS = False

    @abstractmethod
    def found_in(self, result: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
        """Yield what holds each label (the region's id, for one) and the label."""

    def is_own(self, item: Mapping[str, Any]) -> bool:
        """Whether an item of a result is this control's, or of one of its copies in a <Repeater>."""
        name = item.get("from_name")
        return isinstance(name, str) and self._names.fullmatch(name) is not None

    @property
    def required(self) -> bool:
        """Whether an annotator cannot leave it out."""
        return self.tag.attributes.get("required", "").lower() == "true"

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> frozenset[Occurrence] | None:
        # A region counts once for each label: several items may describe one.
        counts = Counter(label for _, label in dict.fromkeys(self.found_in(result)))
        return None if self.required and not counts else about_how_often(counts)

    def in_config(self, answer: Answer) -> bool:
        if not isinstance(answer, frozenset):
            return False
        return not self.offered or all(label in self.offered for label, _ in answer)

    def settle(self, answers: Sequence[Any]) -> Answer:
        """Return what most annotators found, member by member; where they are even, as the latest says."""
        votes = Counter(member for answer in answers for member in answer)
        latest = answers[-1]
        return frozenset(m for m, n in votes.items() if 2 * n > len(answers) - (m in latest))

    @property
    def settled_by(self) -> str:
        return "the majority counts, label by label"

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile(r"\d+".join(map(re.escape, _FLAG.split(self.name))))

    def counts(self, answers: Sequence[Any]) -> dict[str, int]:
        return dict(Counter(label for answer in answers for label, least in answer if least == 1))

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        return []

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return learn_sets(tasks, answers, how)


def about_how_often(counts: Mapping[str, int]) -> frozenset[Occurrence]:
    """Return how often each label occurs, as a set of (label, at least)."""
    return frozenset((label, least) for label, n in counts.items() for least in AT_LEAST if n >= least)


def items_of(result: Sequence[Any]) -> Iterator[tuple[Any, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (key, item, value) of a result; items of one region share the key."""
    for place, item in enumerate(result):
        # Annotations may be imported, and hold anything.
        if not isinstance(item, Mapping) or not isinstance(item.get("value"), Mapping):
            continue
        key = item.get("id")
        yield (key if isinstance(key, str | int) else ("at", place)), item, item["value"]
