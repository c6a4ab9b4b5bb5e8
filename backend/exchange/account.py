"""The account of a push or a pull, in the exporters' words: carried, changed, dropped, joined."""

from __future__ import annotations

from collections import Counter
from typing import Any

from backend.errors import ExchangeDefect

CARRIED, CHANGED, DROPPED, JOINED = VERBS = ("carried", "changed", "dropped", "joined")
# Enough to look one up; all of them would bury the counts.
PLACES = 3
REASONS = 500


class Account:
    """Counts what was seen and what became of it.

    Parameters
    ----------
    unit : what it is about, such as "annotation": each that was `seen` is in exactly one line of the account
    """

    def __init__(self, unit: str):
        self.unit = unit
        self.seen = 0
        # Apart from the verbs: what nobody asked to carry, such as an unfinished job, is no loss.
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._places: dict[tuple[str, str, str], list[str]] = {}

    def tell(self, verb: str, kind: str, text: str = "", place: str = "", count: int = 1) -> None:
        """Count things: the verb, what they are, how or why, and where the first of them stand."""
        key = (verb, kind, text)
        # Reasons can hold names from elsewhere: their number must not grow with them.
        if key not in self._counts and len(self._counts) >= REASONS:
            key = (verb, kind, "another reason")
        self._counts[key] += count
        places = self._places.setdefault(key, [])
        if place and len(places) < PLACES and place not in places:
            places.append(place)

    def count(self, verb: str, kind: str | None = None) -> int:
        """Return how many things of a kind (the unit unless said) became that."""
        wanted = (verb, kind or self.unit)
        return sum(n for (v, k, _), n in self._counts.items() if (v, k) == wanted)

    @property
    def lossless(self) -> bool:
        """Whether everything arrived whole, now or before."""
        return not any(verb in (CHANGED, DROPPED) for verb, _, _ in self._counts)

    def check(self) -> None:
        """Raise `ExchangeDefect` unless each unit that was seen is in the account."""
        told = sum(self.count(verb) for verb in VERBS)
        if told != self.seen:
            raise ExchangeDefect(
                f"a defect of this program: {self.seen} {self.unit}s were seen and {told} are in the "
                "account; what is in Label Studio stands. Please report it"
            )

    def to_text(self, *, finished: bool = True) -> str:
        """Return the account for people, a line per count; that nothing was lost is known at the end only."""
        lines = [f"{self.seen} {self.unit}s seen"]
        for (verb, kind, text), n in self._sorted():
            places = ", ".join(self._places.get((verb, kind, text), ()))
            lines.append(
                f"  {verb} {n:>8}  {kind}"
                + (f": {text}" if text else "")
                + (f" ({places})" if places else "")
            )
        lines += [f"  left out {n:>7}  {kind}" for kind, n in sorted(self.left_out.items())]
        lines += ["nothing was lost"] if self.lossless and finished else []
        return "\n".join(lines + self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the account as plain JSON types."""
        rows: dict[str, list[dict[str, Any]]] = {verb: [] for verb in VERBS}
        for key, n in self._sorted():
            verb, kind, text = key
            rows[verb].append({"kind": kind, "text": text, "count": n, "places": self._places.get(key, [])})
        return {
            "unit": self.unit,
            "seen": self.seen,
            "lossless": self.lossless,
            **rows,
            "left_out": dict(sorted(self.left_out.items())),
            "notes": list(self.notes),
        }

    def _sorted(self) -> list[tuple[tuple[str, str, str], int]]:
        return sorted(self._counts.items(), key=lambda pair: (VERBS.index(pair[0][0]), pair[0][1:]))
