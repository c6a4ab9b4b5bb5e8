"""Which labeled tasks were opened in Label Studio for another annotator, so that they can be closed again."""

from __future__ import annotations

from pathlib import Path

from backend.store.files import read_json, write_json

FILE_NAME = "asked_again.json"


def asked_again(folder: Path) -> tuple[int, ...]:
    """Return the tasks that were opened and not closed since; none where the file is missing or damaged."""
    stored = read_json(folder / FILE_NAME)
    tasks = stored.get("tasks") if isinstance(stored, dict) else None
    return tuple(task for task in tasks if isinstance(task, int)) if isinstance(tasks, list) else ()


def note_asked_again(folder: Path, tasks: tuple[int, ...]) -> None:
    """Keep which tasks are open for another annotator."""
    if tasks != asked_again(folder):
        write_json(folder / FILE_NAME, {"tasks": list(tasks)})
