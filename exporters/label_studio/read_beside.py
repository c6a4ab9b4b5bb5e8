"""What a result says beside its shape and its labels: a score, notes, a parent."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from exporters.label_studio.join_results import NOTE
from exporters.label_studio.known_keys import note_unknown
from exporters.records import Caption, Region
from exporters.report import Ledger

Result = Mapping[str, Any]
# Known to Label Studio, and not looked into anywhere else: labels of a damaged or very old file can stand
# there.
_NOT_READ = ("labels", "states")
KEYS = frozenset(("score", "meta", "parentID", "parent_id", "normalization", *_NOT_READ))
_META = frozenset(("text",))


def number(value: Any) -> float | None:
    """Return a score as a finite number; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return found if isfinite(found) else None


def number_in(thing: Mapping[str, Any], key: str, place: str, ledger: Ledger) -> float | None:
    """Return the finite number under a key; what else stands there is counted."""
    value = thing.get(key)
    if value is None:
        return None
    found = number(value)
    if found is None:
        ledger.drop("key", f"{key!r} is no finite number", place)
    return found


def with_beside(region: Region, item: Result, place: str, ledger: Ledger) -> Region:
    """Return the region with what a result of it says beside.

    All results of a region repeat it; where they differ the first stands, and that is counted.
    """
    score = number_in(item, "score", place, ledger)
    if "meta" in item or "normalization" in item:
        more = tuple(note for note in _notes(item, place, ledger) if note not in region.captions)
        region = region._replace(captions=(*region.captions, *more))
    for key in _NOT_READ:
        if item.get(key):
            ledger.drop("key", f"{key!r} of a result is not read", place)
    parent = _parent(item, place, ledger)
    for name, found, known in (("score", score, region.score), ("parent", parent, region.parent)):
        if found is not None and known is not None and found != known:
            ledger.change("attribute", f"{name} differs between results of one region: the first", place)
    return region._replace(
        score=score if region.score is None else region.score,
        parent=parent if region.parent is None else region.parent,
    )


def _notes(item: Result, place: str, ledger: Ledger) -> list[Caption]:
    found = []
    meta = item.get("meta")
    if isinstance(meta, Mapping):
        texts = meta.get("text")
        if texts:
            found.append(Caption("textarea", NOTE, tuple(texts) if isinstance(texts, list) else (texts,)))
        note_unknown(meta, _META, "a region's meta", place, ledger)
    elif meta:
        ledger.drop("key", "'meta' of a result is no object", place)
    said = item.get("normalization")
    if isinstance(said, str) and said:
        found.append(Caption("textarea", "normalization", (said,)))
    elif said:
        ledger.drop("key", "'normalization' is no text", place)
    return found


def _parent(item: Result, place: str, ledger: Ledger) -> str | None:
    parent = item.get("parentID") or item.get("parent_id")
    if not parent:
        return None
    if isinstance(parent, str | int) and not isinstance(parent, bool):
        return str(parent)
    ledger.drop("key", "'parentID' is no id", place)
    return None
