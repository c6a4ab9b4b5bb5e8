"""Stored values as they must be: what another type has crept into is left out, file by file, word by word."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

Record = TypeVar("Record")

# What pages and rounds read of a report; the rest of it is passed on as it is.
REPORT_TYPES: dict[str, type | tuple[type, ...]] = {
    "outcome": str,
    "version": (str, type(None)),
    "fence": int,
    "labels": int,
    "candidates": int,
    "skipped": int,
    "tasks": int,
    "head": int,
    "stored": int,
    "means": str,
    "has_model": bool,
    "ended_at": str,
}
# Everything else in an estimate is a number, or not known.
ACCURACY_TEXTS = ("unknown_because", "measure", "name", "control", "question", "missing")


def checked(kind: type[Record], values: dict[str, Any]) -> Record | None:
    """Return a dataclass with these values; None where one is not of its field's type."""
    try:
        found: Record = _adapter(kind).validate_python(values)  # type: ignore[arg-type]
        return found
    except (ValidationError, TypeError, RecursionError):
        return None


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def sound_report(report: Any) -> dict[str, Any]:
    """Return a round's report without the values that are of a wrong type."""
    if not isinstance(report, dict):
        return {}
    wanted = {
        name: value
        for name, value in report.items()
        if name not in REPORT_TYPES or isinstance(value, REPORT_TYPES[name])
    }
    if "seconds" in report:
        took = _dict(report["seconds"])
        wanted["seconds"] = {str(s): float(t) for s, t in took.items() if isinstance(t, int | float)}
    for name in {"notes", "faults", "unread"} & report.keys():
        notes = report[name] if isinstance(report[name], list | tuple) else ()
        wanted[name] = [str(note) for note in notes]
    if "accuracy" in report:
        wanted["accuracy"] = _sound_accuracy(report["accuracy"])
    asked = wanted.pop("questions", None)
    # No list, no key: an empty one says that the config has no question.
    if isinstance(asked, list | tuple):
        wanted["questions"] = [_sound_accuracy(one) for one in asked]
    return wanted


def _sound_accuracy(stored: Any) -> dict[str, Any]:
    """Return an estimate without texts where numbers belong."""
    return {
        name: value
        for name, value in _dict(stored).items()
        if isinstance(value, str) == (name in ACCURACY_TEXTS) or value is None
    }


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def make_room(path: Path) -> None:
    """Move a folder that lies where a file belongs aside; it stays there, under another name."""
    if path.is_dir() and not path.is_symlink():
        with suppress(OSError):
            # Not removed: nobody knows whose it is.
            os.replace(path, path.with_name(f".{path.name}.damaged-{secrets.token_hex(4)}"))


def printable(text: str) -> str:
    """Return a text that can be encoded: halves of characters become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
