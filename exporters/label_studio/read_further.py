"""What a task says besides what it shows: its id and rank, who annotated it, and all its other data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exporters.label_studio.groups import Entry
from exporters.label_studio.labeling_config import ObjectTag
from exporters.label_studio.read_beside import number, number_in
from exporters.records import new
from exporters.report import Ledger

Task = Mapping[str, Any]


class Own(NamedTuple):
    """What our writer keeps of an item in a task, in keys of its own or in `meta`, and the rest of `meta`."""

    id: Any = None
    priority: float | None = None
    score: float | None = None
    annotators: Sequence[Any] = ()
    meta: Any = None


def own_of(task: Task, said: Sequence[Entry], place: str, ledger: Ledger) -> Own:
    """Return what a task with these annotations keeps for us.

    Only what our writer writes is taken: anybody may have a `score` or an `id` of another kind in `meta`, and
    that goes along with the data.
    """
    meta, key = task.get("meta"), task.get("id")
    if not meta and "_priority" not in task and "_score" not in task:
        return new(Own, (key, None, None, (), None))
    rest = dict(meta) if isinstance(meta, dict) else {}
    found: dict[str, float | None] = {}
    for name in ("priority", "score"):
        if f"_{name}" in task:
            found[name] = number_in(task, f"_{name}", place, ledger)
        elif number(rest.get(name)) is not None:
            found[name] = number(rest.pop(name))
    if key is None and isinstance(rest.get("id"), str | int):
        key = rest.pop("id")
    names = rest.get("annotators")
    if is_signed := _are_signatures(names, said):
        del rest["annotators"]
    left = rest if isinstance(meta, dict) else meta
    signatures = names if is_signed and isinstance(names, list) else ()
    return Own(key, found.get("priority"), found.get("score"), signatures, left)


def _are_signatures(names: Any, said: Sequence[Entry]) -> bool:
    # Somebody added or removed annotations since: names can no longer be told apart by position.
    if not isinstance(names, list) or len(names) != len(said):
        return False
    is_plain = all(name is None or isinstance(name, str | int) for name in names)
    return is_plain and not any(part[0].get("completed_by") is not None for part in said)


def signed(said: Sequence[Entry], names: Sequence[Any]) -> list[Entry]:
    """Return the annotations with their annotators."""
    return [
        part if not name else ({**part[0], "completed_by": name}, *part[1:])
        for part, name in zip(said, names, strict=True)
    ]


def further_of(data: Mapping[str, Any], task: Task, shown: ObjectTag, media: str, own: Own) -> dict[str, Any]:
    """Return what a task says besides what its item shows, whole."""
    key = shown.value.key_in(data)
    is_told = key is not None and key in data and _is_told(data[key], shown.kind, media)
    if is_told and len(data) == 1:
        further = {}
    else:
        further = {name: value for name, value in data.items() if name != key or not is_told}
    # A bare task is its own data, `meta` included.
    if own.meta and data is not task:
        name = "meta"
        while name in further:
            name = f"task_{name}"
        further[name] = own.meta
    return further


def _is_told(value: Any, kind: str, media: str) -> bool:
    """Return whether an item's medium says all that stands in the data.

    A page says more than its text, and a dialogue more than its lines: who speaks, and when.
    """
    if isinstance(value, str):
        return kind != "html" or value == media
    if isinstance(value, list):
        return kind in ("image", "paragraphs") and all(isinstance(entry, str) for entry in value)
    return not isinstance(value, dict)
