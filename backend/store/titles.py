"""A project's title in Label Studio, as last heard: an id says little, and Label Studio may be away."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.store.files import read_record, write_json
from backend.store.healing import printable

FILE_NAME = "title.json"
# Label Studio allows 50 characters; another server's may be longer.
LONGEST = 200


@dataclass(frozen=True)
class Title:
    """What a project is called."""

    title: str = ""


def read_title(folder: Path) -> str:
    """Return the title that was last heard; empty when none was."""
    found = read_record(folder / FILE_NAME, Title)
    return printable(found.title) if found else ""


def note_title(folder: Path, title: Any) -> None:
    """Keep a title, unless it is the one that is known."""
    heard = printable(str(title or ""))[:LONGEST]
    if heard != read_title(folder):
        write_json(folder / FILE_NAME, asdict(Title(heard)))
