"""The account of an export: what was carried whole, what was changed and how, what was dropped and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Counts = dict[tuple[str, str], int]


@dataclass(frozen=True)
class ExportReport:
    """Counts per kind of thing; every region that was read is in exactly one of the three.

    Attributes
    ----------
    items : int
        Tasks written (images, lines, tasks; what the format calls them).
    carried : dict of str to int
        Kind to how many arrived whole.
    changed, dropped : dict of (str, str) to int
        (kind, how or why) to how many.
    examples : dict of (str, str) to tuple of str
        Where it happened first, a few places per line.
    files : tuple of str
        Everything that was written.
    notes : tuple of str
        What to do next, such as the command that creates the task.
    """

    items: int = 0
    carried: dict[str, int] = field(default_factory=dict)
    changed: Counts = field(default_factory=dict)
    dropped: Counts = field(default_factory=dict)
    examples: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lossless(self) -> bool:
        """Whether everything arrived whole."""
        return not self.changed and not self.dropped

    def to_text(self) -> str:
        """Return the report for people, one line per count."""
        lines = [f"{self.items} items written"]
        lines += [f"  carried {n:>8}  {kind}" for kind, n in sorted(self.carried.items())]
        lines += self._lines("changed", self.changed) + self._lines("dropped", self.dropped)
        lines += ["nothing was lost"] if self.lossless else []
        lines += [f"wrote {name}" for name in self.files] + list(self.notes)
        return "\n".join(lines)

    def _lines(self, verb: str, counts: Counts) -> list[str]:
        lines = []
        for key, n in sorted(counts.items()):
            places = ", ".join(self.examples.get(key, ()))
            lines.append(f"  {verb} {n:>8}  {key[0]}: {key[1]}" + (f" ({places})" if places else ""))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "items": self.items,
            "lossless": self.lossless,
            "carried": dict(sorted(self.carried.items())),
            "changed": self._rows(self.changed, "how"),
            "dropped": self._rows(self.dropped, "why"),
            "files": list(self.files),
            "notes": list(self.notes),
        }

    def _rows(self, counts: Counts, word: str) -> list[dict[str, Any]]:
        return [
            {"kind": key[0], word: key[1], "count": n, "places": list(self.examples.get(key, ()))}
            for key, n in sorted(counts.items())
        ]

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)


class Ledger:
    """Counts while an export runs; `close` gives the frozen report."""

    PLACES = 3
    REASONS = 500

    def __init__(self) -> None:
        self.items = 0
        self.carried: Counter[str] = Counter()
        self.changed: Counter[tuple[str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.places: dict[tuple[str, str], list[str]] = {}
        self.files: list[str] = []
        self.notes: list[str] = []

    def change(self, kind: str, how: str, place: str = "", count: int = 1) -> None:
        """Count things that arrived, but not as they were."""
        self._add(self.changed, kind, how, place, count)

    def drop(self, kind: str, why: str, place: str = "", count: int = 1) -> None:
        """Count things that could not be carried."""
        self._add(self.dropped, kind, why, place, count)

    def _add(self, counts: Counter[tuple[str, str]], kind: str, text: str, place: str, count: int) -> None:
        key = (kind, text)
        # Reasons can hold names from the input: their number must not grow with it.
        if key not in counts and len(counts) >= self.REASONS:
            key = (kind, "another reason")
        counts[key] += count
        places = self.places.setdefault(key, [])
        if place and len(places) < self.PLACES:
            places.append(place)

    def settle(self, kind: str, hows: Iterable[str], place: str = "") -> None:
        """Count one thing as changed when there is a reason, else as carried."""
        text = "; ".join(hows)
        if text:
            self.change(kind, text, place)
        else:
            self.carried[kind] += 1

    def close(self) -> ExportReport:
        """Return what was counted."""
        return ExportReport(
            items=self.items,
            carried=dict(self.carried),
            changed=dict(self.changed),
            dropped=dict(self.dropped),
            examples={key: tuple(places) for key, places in self.places.items()},
            files=tuple(self.files),
            notes=tuple(self.notes),
        )
