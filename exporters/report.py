"""The account of an export: what was carried, changed and how, dropped and why, counted at both ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporters.errors import ExportDefect
from exporters.records import Annotation, Item, name_of

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
    left_out : dict of str to int
        Kind to how many were not asked for.
    seen, joined : dict of str to int
        Regions and relations of the input; those that became part of others. For each of the two, `seen` is
        the sum of what was carried, changed, dropped and joined.
    files : tuple of str
        Everything that was written.
    notes : tuple of str
        What to do next, such as the command that creates the task.
    """

    items: int = 0
    carried: dict[str, int] = field(default_factory=dict)
    changed: Counts = field(default_factory=dict)
    dropped: Counts = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)
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
        lines += [f"  left out {n:>7}  {kind}: not asked for" for kind, n in sorted(self.left_out.items())]
        lines += [f"nothing {'else ' if self.left_out else ''}was lost"] if self.lossless else []
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
            "left_out": dict(sorted(self.left_out.items())),
            "seen": dict(sorted(self.seen.items())),
            "joined": dict(sorted(self.joined.items())),
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


# What is counted at both ends, and which kinds of the report are not regions. `REMARKS` are said about
# something that is counted elsewhere.
SETTLED = ("region", "relation")
_UNIT = {"annotation": "annotation", "prediction": "annotation", "relation": "relation"}
_REMARKS = "item|image name|group|task|draft|key|task data|attribute|answer|element|label|skeleton point"
REMARKS = frozenset((*_REMARKS.split("|"), "key frame", "curve"))


def units_told(carried: Mapping[str, int], changed: Counts, dropped: Counts) -> Counter[str]:
    """Return how many annotations, regions and relations the lines of a report tell of."""
    units: Counter[str] = Counter()
    lines = [*carried.items(), *((kind, n) for part in (changed, dropped) for (kind, _), n in part.items())]
    for kind, count in lines:
        if kind not in REMARKS:
            units[_UNIT.get(kind, "region")] += count
    return units


# The counts by (kind, how or why), and those by one name.
_REASONED = ("changed", "dropped", "places")
_COUNTED = ("carried", "left_out", "seen", "handed", "_unread", "_merged", "_covered")


class Ledger:
    """Counts while an export runs, at both ends: `close` gives the frozen report, `check` proves it.

    A reader notes what the input itself holds (`saw`), what of it became part of something else (`merged`),
    and what it could not read (`reading().drop`). What it hands on is counted on its way to the writer
    (`hand`). A writer settles each of these: `carried`, `change`, `drop`, or `covered` where another line
    tells of it.
    """

    PLACES = 3
    REASONS = 500
    NOTES = 100

    def __init__(self) -> None:
        self.items = 0
        self.carried: Counter[str] = Counter()
        self.changed: Counter[tuple[str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.left_out: Counter[str] = Counter()
        self.places: dict[tuple[str, str], list[str]] = {}
        self.files: list[str] = []
        self.notes: list[str] = []
        self.seen: Counter[str] = Counter()
        self.handed: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._merged: Counter[str] = Counter()
        self._covered: Counter[str] = Counter()

    def saw(self, unit: str, count: int = 1) -> None:
        """Note what the input holds, before anything is made of it."""
        self.seen[unit] += count

    def merged(self, unit: str, count: int = 1) -> None:
        """Note that things which were seen became part of others; negative where one became several."""
        self._merged[unit] += count

    def unread(self, unit: str, count: int = 1) -> None:
        """Note that a reader keeps back what it saw; the caller says so in the report."""
        self._unread[unit] += count

    def covered(self, unit: str, count: int = 1) -> None:
        """Note that a writer is done with things of which no line of their own tells."""
        self._covered[unit] += count

    def note(self, text: str) -> None:
        """Add a note, once however often it is said, and never more of them than anybody reads."""
        if text not in self.notes and len(self.notes) < self.NOTES:
            self.notes.append(text)

    def hand(self, item: Item) -> None:
        """Count what a reader hands on."""
        handed = self.handed
        for annotation in item.annotations:
            handed["annotation"] += 1
            handed["region"] += len(annotation.regions)
            if annotation.relations:
                handed["relation"] += len(annotation.relations)

    def change(self, kind: str, how: str, place: str = "", count: int = 1) -> None:
        """Count things that arrived, but not as they were."""
        self._add(self.changed, kind, how, place, count)

    def drop(self, kind: str, why: str, place: str = "", count: int = 1) -> None:
        """Count things that could not be carried."""
        self._add(self.dropped, kind, why, place, count)

    def drop_annotation(self, annotation: Annotation, why: str, place: str = "") -> None:
        """Count an annotation as dropped, with all that it says."""
        kind = "prediction" if annotation.is_prediction else "annotation"
        self.drop(kind, why, place)
        inside = f"of {'a prediction' if annotation.is_prediction else 'an annotation'} that is left out"
        for region in annotation.regions:
            self.drop(name_of(region.shape), inside, place)
        if annotation.relations:
            self.drop("relation", inside, place, len(annotation.relations))

    def drop_item(self, item: Item, why: str) -> None:
        """Count an item as dropped, with all that is said about it."""
        if item.primary:
            self.drop("item", why, item.place)
        for annotation in item.annotations:
            for kind, count in (("region", len(annotation.regions)), ("relation", len(annotation.relations))):
                if count:
                    self.drop(kind, why, item.place, count)

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

    def reading(self) -> Reading:
        """Return the ledger as a reader gets it: what it drops was seen by nobody else."""
        return Reading(self)

    def check(self) -> None:
        """Raise `ExportDefect` unless everything that was seen is in the account."""
        settled = units_told(self.carried, self.changed, self.dropped)
        settled.update(self._covered)
        for unit in SETTLED:
            told = settled[unit] - self._unread[unit]
            # At both ends: a reader that loses a region and a writer that loses one are two different
            # defects.
            if self.handed[unit] != told:
                raise ExportDefect(unit, "read", self.handed[unit], told)
        for unit, count in self.seen.items():
            read = self.handed[unit] + self._unread[unit] + self._merged[unit]
            if count != read:
                raise ExportDefect(unit, "seen", count, read)

    def plain(self) -> dict[str, Any]:
        """Return all counts as plain values, for `add`."""
        found: dict[str, Any] = {"items": self.items, "notes": self.notes}
        for name in _REASONED:
            found[name] = [(*key, count) for key, count in getattr(self, name).items()]
        for name in _COUNTED:
            found[name] = getattr(self, name)
        return found

    def has_room(self, counts: Mapping[str, Any]) -> bool:
        """Return whether all reasons in other counts can be told beside those that are here."""
        for name in ("changed", "dropped"):
            here, there = getattr(self, name), counts[name]
            is_known = all((kind, text) in here for kind, text, _ in there)
            if not is_known and len(here) + len(there) > self.REASONS:
                return False
        return True

    def add(self, counts: Mapping[str, Any], place: Callable[[str], str]) -> None:
        """Add what another ledger counted after this one; `place` says where its places lie."""
        self.items += counts["items"]
        for text in counts["notes"]:
            self.note(text)
        for name in _COUNTED:
            getattr(self, name).update(counts[name])
        for name in ("changed", "dropped"):
            getattr(self, name).update({(kind, text): count for kind, text, count in counts[name]})
        for kind, text, found in counts["places"]:
            known = self.places.setdefault((kind, text), [])
            known.extend(map(place, found[: self.PLACES - len(known)]))

    def _sums(self) -> dict[str, dict[str, int]]:
        joined = {unit: self._covered[unit] + self._merged[unit] for unit in SETTLED}
        seen = {unit: self.handed[unit] + self._unread[unit] + self._merged[unit] for unit in SETTLED}
        return {"seen": seen, "joined": {unit: count for unit, count in joined.items() if count}}

    def close(self) -> ExportReport:
        """Return what was counted."""
        return ExportReport(
            items=self.items,
            carried=dict(self.carried),
            changed=dict(self.changed),
            dropped=dict(self.dropped),
            left_out=dict(self.left_out),
            **self._sums(),
            examples={key: tuple(places) for key, places in self.places.items()},
            files=tuple(self.files),
            notes=tuple(self.notes),
        )


class Reading(Ledger):
    """The same ledger in a reader's hands."""

    def __init__(self, whole: Ledger):
        # One set of counts in two hands, and not a copy: what a reader drops stands in the same report.
        self.__dict__ = whole.__dict__

    def drop(self, kind: str, why: str, place: str = "", count: int = 1) -> None:
        """Count things that could not be read."""
        super().drop(kind, why, place, count)
        if kind not in REMARKS:
            self.unread(_UNIT.get(kind, "region"), count)
