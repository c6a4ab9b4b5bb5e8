"""The SQLite file of a snapshot: how it is opened, what is noted in it, and when it counts as damaged."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from backend.errors import ModelStoreError
from backend.store.files import open_private

SCHEMA_VERSION = 2
# Its number comes last, in the same transaction: a crash leaves a file without schema, not half of one.
SCHEMA = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY, data TEXT NOT NULL, is_labeled INTEGER NOT NULL, updated_at TEXT NOT NULL,
    data_version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS annotation (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, result TEXT NOT NULL, was_cancelled INTEGER NOT NULL,
    ground_truth INTEGER NOT NULL, updated_at TEXT NOT NULL, completed_by INTEGER
);
CREATE INDEX IF NOT EXISTS annotation_task ON annotation (task);
CREATE TABLE IF NOT EXISTS prediction (
    task INTEGER NOT NULL, model_version TEXT NOT NULL, id INTEGER NOT NULL, score REAL, result TEXT NOT NULL,
    PRIMARY KEY (task, model_version)
);
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
# One round works on a project at a time, so nobody has to wait for long.
LOCKED_SECONDS = 10.0


class SnapshotFile:
    """A project's snapshot on disk; a cache, so a damaged one is discarded and made anew."""

    def __init__(self, path: Path):
        self.path = path

    @contextmanager
    def kept_sound(self) -> Iterator[None]:
        """Discard the file where the block finds it damaged; the next round then reads everything.

        Raises
        ------
        ModelStoreError
            After that was done.
        """
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.discard()
            raise ModelStoreError(
                f"{self.path.name} was damaged; the next round reads the project anew"
            ) from error

    def discard(self) -> None:
        """Remove the file: the next refresh reads everything."""
        # First the journal: it must not be rolled into the new file.
        self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def open(self) -> sqlite3.Connection:
        # Made here, since SQLite would let everybody read it.
        os.close(open_private(str(self.path), os.O_RDWR | os.O_CREAT))
        db = sqlite3.connect(self.path, timeout=LOCKED_SECONDS)
        db.text_factory = text_of
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if not 0 <= version <= SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"snapshot of another version: {version}")
            if version < SCHEMA_VERSION:
                # Later versions only added tables: what is there stays.
                db.executescript(SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    @staticmethod
    def note(db: sqlite3.Connection, key: str) -> str | None:
        row = db.execute("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def moment(self, db: sqlite3.Connection, key: str) -> datetime | None:
        noted = self.note(db, key)
        with damage_told():
            return datetime.fromisoformat(noted) if noted else None

    @staticmethod
    def set_note(db: sqlite3.Connection, key: str, value: str) -> None:
        with db:
            db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))


class SnapshotDamaged(sqlite3.DatabaseError):
    """A row holds what was never written; which one is not said, since it may be a task's text."""


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn what a wrong value does into the one error that says so."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise SnapshotDamaged("a row is damaged") from None


def text_of(raw: bytes) -> str:
    with damage_told():
        return raw.decode()


def json_of(text: Any) -> Any:
    with damage_told():
        return json.loads(text)


def list_of(text: Any) -> list[Any]:
    found = json_of(text)
    if not isinstance(found, list):
        raise SnapshotDamaged("a row is damaged")
    return found


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is broken, not that it is locked or the disk full."""
    if isinstance(error, sqlite3.OperationalError):
        # Ours always has them: a file without was cut off, or is somebody else's.
        return str(error).startswith(("no such table", "no such column"))
    return isinstance(error, sqlite3.DatabaseError)


def is_locked(error: sqlite3.Error) -> bool:
    """Whether an error means that another connection does not let go of the file."""
    return isinstance(error, sqlite3.OperationalError) and "is locked" in str(error)


def peek_at_data(path: Path, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the data of tasks as last read, by their ids, without waiting, making or changing anything.

    For pages: a task that is gone, and a file that is damaged, locked or not there, are left out.
    """
    found: dict[int, dict[str, Any]] = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.1)) as db:
            db.text_factory = text_of
            places = ",".join("?" * len(ids))
            for task, data in db.execute(f"SELECT id, data FROM task WHERE id IN ({places})", list(ids)):  # noqa: S608
                read = json_of(data)
                found[task] = read if isinstance(read, dict) else {}
    except sqlite3.Error:
        return found
    return found
