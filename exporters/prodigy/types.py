"""Prodigy's task types: which interface shows them, and which parts they have."""

from __future__ import annotations

from typing import NamedTuple

from exporters.errors import OptionError


class TaskType(NamedTuple):
    """One task type."""

    view: str
    kind: str
    has_tokens: bool = False
    has_options: bool = False
    is_binary: bool = False


TASK_TYPES: dict[str, TaskType] = {
    "textcat": TaskType("choice", "text", has_options=True),
    "textcat_binary": TaskType("classification", "text", is_binary=True),
    "ner": TaskType("ner_manual", "text", has_tokens=True),
    "spans": TaskType("spans_manual", "text", has_tokens=True),
    "relations": TaskType("relations", "text", has_tokens=True),
    "image": TaskType("image_manual", "image"),
    "choice": TaskType("choice", "image", has_options=True),
    "audio": TaskType("audio_manual", "audio"),
}


def task_type(name: str | None) -> TaskType | None:
    """Return the task type; `OptionError` lists the valid ones."""
    if name is None:
        return None
    if name not in TASK_TYPES:
        raise OptionError(f"task_type {name!r} is unknown; valid: {', '.join(TASK_TYPES)}")
    return TASK_TYPES[name]
