"""What could not be read, and why: counted by reason, and kept with the features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Unread:
    """Stands for a value that could not be read.

    Attributes
    ----------
    reason : what is wrong and what would help, in the same words for every task, so that it can be counted
    later : whether the same data may be readable another time, with nothing changed here: a host is down
    by_hand : whether somebody must mend something elsewhere first, such as connect a storage; a project of
        which nothing else can be read does not wait for that
    """

    reason: str
    later: bool = False
    by_hand: bool = False


# A value that is empty, or of a kind that says nothing more about itself.
NOTHING = Unread("")


@dataclass(frozen=True)
class Gaps:
    """Which values of some tasks could not be read.

    Attributes
    ----------
    codes : array of shape (n_tasks, n_inputs), int32
        0 where a value was read, else one more than the place of its reason.
    reasons : tuple of Unread
    """

    codes: np.ndarray
    reasons: tuple[Unread, ...]

    @classmethod
    def of(cls, columns: Sequence[Sequence[Any]], readable: Sequence[np.ndarray]) -> Self:
        """Return the gaps of some tasks: an input's values, and which of them its vectorizer could read."""
        places: dict[Unread, int] = {}
        codes = np.zeros((len(readable[0]) if readable else 0, len(columns)), dtype=np.int32)
        for i, (values, read) in enumerate(zip(columns, readable, strict=True)):
            for row in np.flatnonzero(~read):
                value = values[int(row)]
                reason = value if isinstance(value, Unread) else NOTHING
                codes[row, i] = places.setdefault(reason, len(places) + 1)
        return cls(codes, tuple(places))

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """Return the gaps of several groups of tasks, one below the other."""
        places: dict[Unread, int] = {}
        codes = []
        for part in parts:
            moved = [0, *(places.setdefault(reason, len(places) + 1) for reason in part.reasons)]
            codes.append(np.array(moved, dtype=np.int32)[part.codes])
        return cls(np.vstack(codes), tuple(places))

    def rows(self, index: np.ndarray) -> Gaps:
        """Return the gaps of the tasks at `index`."""
        return Gaps(self.codes[index], self.reasons)

    @property
    def n_read(self) -> list[int]:
        """How many values of each input were read."""
        return [int(n) for n in (self.codes == 0).sum(axis=0)]

    def counts(self) -> dict[str, int]:
        """Return how many tasks each reason concerns, the most frequent first."""
        found = {
            unread.reason: int((self.codes == place).any(axis=1).sum())
            for place, unread in enumerate(self.reasons, 1)
            if unread.reason
        }
        return dict(sorted(((r, n) for r, n in found.items() if n), key=lambda item: (-item[1], item[0])))

    def with_reason(self, *, later: bool) -> np.ndarray:
        """Return whether each task has a value unread for a reason; `later` for one that may pass."""
        chosen = [0, *(bool(unread.reason) and (unread.later or not later) for unread in self.reasons)]
        return np.asarray(np.array(chosen, dtype=bool)[self.codes].any(axis=1))

    @property
    def may_pass(self) -> bool:
        """Whether some value is unread for a reason that may pass by itself."""
        passing = [0, *(unread.later and not unread.by_hand for unread in self.reasons)]
        return bool(np.array(passing, dtype=bool)[self.codes].any())

    def to_json(self) -> list[list[Any]]:
        """Return the reasons as JSON; the codes are an array of their own."""
        return [[unread.reason, unread.later, unread.by_hand] for unread in self.reasons]

    @classmethod
    def from_json(cls, codes: np.ndarray, reasons: Iterable[Sequence[Any]]) -> Self:
        """Return the gaps that gave `reasons`."""
        # What was kept before there was the third has two.
        return cls(codes, tuple(Unread(str(reason), *map(bool, flags)) for reason, *flags in reasons))
