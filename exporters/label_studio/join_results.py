"""Results that share an id: one region with its labels and answers, or several regions by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exporters.label_studio.read_shapes import ANSWERS
from exporters.records import Answer, Caption, Region
from exporters.report import Ledger

NOTE = "note"
# Where a region lies. `text` is not among them: of a text area it is the answer.
_PLACE = frozenset(
    (
        "x",
        "y",
        "width",
        "height",
        "rotation",
        "radiusX",
        "radiusY",
        "points",
        "vertices",
        "rle",
        "imageDataURL",
        "sequence",
        "ranges",
        "start",
        "end",
        "startOffset",
        "endOffset",
    )
)


def lies_elsewhere(item: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Return whether a result is a region of its own, though an earlier one has its id.

    Label Studio writes a result for each control of a region, with one id and one place. Scripts that write
    predictions give the same id to all of them now and then.
    """
    if item["type"] in ANSWERS:
        return False
    value, place = item["value"], first["value"]
    return any(key in place and place[key] != entry for key, entry in value.items() if key in _PLACE)


_NUMBERS = frozenset(
    ("x", "y", "width", "height", "rotation", "radiusX", "radiusY", "startOffset", "endOffset", "closed")
)
_TEXTS = frozenset(("text", "start", "end", "format", "imageDataURL"))
_LISTS = frozenset(("points", "vertices", "rle", "sequence", "ranges", "globalOffsets"))


def note_misplaced_answers(value: Mapping[str, Any], own: str, place: str, ledger: Ledger) -> None:
    """Count what an answer holds where it only repeats the place of its region, and what cannot be one.

    Nobody reads it there: the region itself says where it lies.
    """
    for key, entry in value.items():
        if key.endswith("labels") and entry:
            ledger.drop("key", f"{key[:40]!r} in an answer is not read", place)
        elif key != own and entry and not isinstance(entry, int | float) and _is_misplaced(key, entry):
            ledger.drop("key", f"{key[:40]!r} of an answer does not say where it lies", place)


def _is_misplaced(key: str, entry: Any) -> bool:
    if key in _LISTS:
        return _holds_text(entry)
    return key in _NUMBERS or (key in _TEXTS and not isinstance(entry, str))


def _holds_text(entry: Any) -> bool:
    if isinstance(entry, dict):
        return any(_holds_text(each) for each in entry.values())
    return any(map(_holds_text, entry)) if isinstance(entry, list) else isinstance(entry, str)


def with_answer(region: Region, kind: str, name: str, values: tuple[Any, ...]) -> Region:
    """Return the region with one more answer about it."""
    return region._replace(captions=(*region.captions, Caption(kind, name, values)))


def about(whole: Region, before: Region) -> Region:
    """Return a region with the answers that came before it: the order of results is not fixed."""
    assert isinstance(before.shape, Answer)
    first = Caption(before.shape.kind, before.control or before.shape.kind, before.shape.values)
    said = [first, *before.captions, *(note for note in whole.captions if note not in before.captions)]
    return whole._replace(captions=tuple(said))


def ranges_apart(results: Sequence[Any]) -> tuple[list[Any], int]:
    """Return the results with a region of several stretches as one for each, and how many more these are."""
    done: list[Any] = []
    for item in results:
        is_stretch = isinstance(item, dict) and item.get("type") == "timelinelabels"
        value = item.get("value") if is_stretch else None
        ranges = value.get("ranges") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(ranges, list) and len(ranges) > 1:
            done += [{**item, "value": {**value, "ranges": [each]}} for each in ranges]
        else:
            done.append(item)
    return done, len(done) - len(results)


def apart(regions: Iterable[Region]) -> tuple[list[Region], int]:
    """Return the regions with answers that share an id, but have no region to be about, each by itself.

    Also returns how many regions that makes more.
    """
    done: list[Region] = []
    count = 0
    for region in regions:
        if isinstance(region.shape, Answer) and region.captions:
            notes = tuple(caption for caption in region.captions if caption.name == NOTE)
            further = [caption for caption in region.captions if caption.name != NOTE]
            done.append(region._replace(captions=notes))
            done += [Region(Answer(said.kind, said.values), control=said.name) for said in further]
            count += len(further)
        else:
            done.append(region)
    return done, count
