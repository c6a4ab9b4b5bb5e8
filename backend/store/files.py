"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson

from backend.store.healing import checked, make_room

logger = logging.getLogger(__name__)

Record = TypeVar("Record")


def private_folder(path: Path) -> Path:
    """Return a folder that is there; what had to be made can be entered by its owner alone."""
    for missing in reversed([p for p in (path, *path.parents) if not p.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return path


def open_private(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=open_private)`; a new one can be read by its owner alone."""
    return os.open(path, flags, 0o600)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new."""
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write into; it appears at `path`, whole, when the block ends without an error."""
    private_folder(path.parent)
    make_room(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # Exclusively: a file or link planted under that name is not written into.
        with open(temporary, "xb", opener=open_private) as file:
            yield file
            file.flush()
            # Before the rename: else a power cut can leave the new name without its content.
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all."""
    try:
        content = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # halves of characters, as labels and errors may hold them
        content = json.dumps(value, indent=2).encode()
    write_atomically(path, content)


def write_json_twice(path: Path, value: Any) -> None:
    """Write what nobody else knows: a second copy is read where the first one is damaged."""
    # The copy first: where the file is there, so is its copy, whenever a crash comes.
    write_json(_copy_of(path), value)
    write_json(path, value)


def remove_twice(path: Path) -> None:
    """Remove a file that `write_json_twice` wrote, its copy first."""
    for one in (_copy_of(path), path):
        make_room(one)
        one.unlink(missing_ok=True)


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}-copy{path.suffix}")


def read_json(path: Path) -> Any | None:
    """Return what a JSON file holds; None when it is not there, not JSON, or no file at all."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError, RecursionError):
        return None


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """Return a dataclass as `write_json` stored it; None when it is not there or not one of this kind.

    Fields that another version of us has added are passed over.
    """
    stored = read_json(path)
    if not isinstance(stored, dict):
        return None
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return checked(kind, {name: value for name, value in stored.items() if name in known})


def read_record_twice(path: Path, kind: type[Record]) -> Record | None:
    """Return what `write_json_twice` stored, from the copy where the file itself is damaged."""
    found = read_record(path, kind)
    # Without the file there is none, whatever became of the copy.
    if found is None and path.exists() and (found := read_record(_copy_of(path), kind)) is not None:
        logger.error("%s was damaged: its copy is taken", path)
    return found


def sync_folder(folder: Path) -> None:
    """Make sure that a rename in `folder` survives a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
