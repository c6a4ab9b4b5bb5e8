"""A project as Label Studio holds it, kept on disk and brought up to date by what has changed.

The snapshot is a cache: every row comes from Label Studio, and a missing or damaged file is read anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from backend.label_studio import Counts, LabelStudio, greater

SCHEMA_VERSION = 1
SCHEMA = f"""
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY, data TEXT NOT NULL, is_labeled INTEGER NOT NULL, updated_at TEXT NOT NULL,
    data_version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS annotation (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, result TEXT NOT NULL, was_cancelled INTEGER NOT NULL,
    ground_truth INTEGER NOT NULL, updated_at TEXT NOT NULL, completed_by INTEGER
);
CREATE INDEX IF NOT EXISTS annotation_task ON annotation (task);
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TASK_FIELDS = ("id", "data", "is_labeled", "updated_at")
# Transactions may commit a little after the moment that they are stamped with.
OVERLAP = timedelta(seconds=10)
PAGE_SIZE = 1000


@dataclass(frozen=True)
class Annotation:
    """One finished or skipped annotation, as Label Studio holds it."""

    id: int
    task: int
    result: list[dict[str, Any]]
    was_cancelled: bool
    ground_truth: bool
    updated_at: str


@dataclass(frozen=True)
class Refresh:
    """What bringing a snapshot up to date took: how many tasks were read, and whether all of them were."""

    tasks_read: int
    complete: bool


class Snapshot:
    """The tasks and annotations of one project, in a SQLite file."""

    def __init__(self, path: Path):
        self.path = path

    def refresh(self, label_studio: LabelStudio, project_id: int) -> Refresh:
        """Bring the snapshot up to date, by changes where that is enough, else from the start."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._refresh(label_studio, project_id)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.path.unlink(missing_ok=True)
            return self._refresh(label_studio, project_id)

    def _refresh(self, label_studio: LabelStudio, project_id: int) -> Refresh:
        with closing(self._open()) as db:
            # Asked for before anything is read: what changes while we read is read again next time.
            newest = label_studio.newest_change(project_id)
            since = self._note(db, "since")
            refresh = None
            if since is not None:
                read = self._read_changes(db, label_studio, project_id, datetime.fromisoformat(since))
                if self._agrees(db, label_studio.counts(project_id)):
                    refresh = Refresh(read, complete=False)
            if refresh is None:
                refresh = Refresh(self._read_everything(db, label_studio, project_id), complete=True)
            if newest is not None:
                with db:
                    self._set_note(db, "since", newest)
            return refresh

    def _read_changes(
        self, db: sqlite3.Connection, label_studio: LabelStudio, project_id: int, since: datetime
    ) -> int:
        where = [greater("updated_at", (since - OVERLAP).isoformat())]
        return sum(
            self._store(db, page, with_annotations=True)
            for page in label_studio.iter_tasks(
                project_id, include=TASK_FIELDS, where=where, with_annotations=True, page_size=PAGE_SIZE
            )
        )

    def _read_everything(self, db: sqlite3.Connection, label_studio: LabelStudio, project_id: int) -> int:
        """Read all tasks, then the annotated ones with their annotations; what is not seen again is gone."""
        tasks: set[int] = set()
        for page in label_studio.iter_tasks(project_id, include=TASK_FIELDS, page_size=10 * PAGE_SIZE):
            tasks.update(int(task["id"]) for task in page)
            self._store(db, page, with_annotations=False)
        annotated: set[int] = set()
        for field in ("total_annotations", "cancelled_annotations"):
            where = [greater(field, 0)]
            for page in label_studio.iter_tasks(
                project_id, include=TASK_FIELDS, where=where, with_annotations=True, page_size=PAGE_SIZE
            ):
                annotated.update(int(task["id"]) for task in page)
                self._store(db, page, with_annotations=True)
        self._forget(db, "task", "id", tasks | annotated)
        self._forget(db, "annotation", "task", annotated)
        return len(tasks)

    def _store(
        self, db: sqlite3.Connection, page: Sequence[dict[str, Any]], *, with_annotations: bool
    ) -> int:
        rows = [
            (t["id"], json.dumps(t["data"]), int(bool(t.get("is_labeled"))), t["updated_at"], 1) for t in page
        ]
        with db:
            db.executemany(
                "INSERT INTO task VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " data_version = data_version + (data <> excluded.data), data = excluded.data,"
                " is_labeled = excluded.is_labeled, updated_at = excluded.updated_at",
                rows,
            )
            if with_annotations:
                db.executemany("DELETE FROM annotation WHERE task = ?", [(t["id"],) for t in page])
                db.executemany(
                    "INSERT OR REPLACE INTO annotation VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [_annotation_row(t["id"], a) for t in page for a in t.get("annotations") or []],
                )
        return len(rows)

    def _agrees(self, db: sqlite3.Connection, counts: Counts) -> bool:
        """Whether nothing was deleted behind our back: Label Studio does not announce every deletion."""
        (tasks,) = db.execute("SELECT count(*) FROM task").fetchone()
        (annotations,) = db.execute("SELECT count(*) FROM annotation WHERE NOT was_cancelled").fetchone()
        return (tasks, annotations) == (counts.tasks, counts.annotations)

    @staticmethod
    def _forget(db: sqlite3.Connection, table: str, column: str, keep: set[int]) -> None:
        with db:
            known = {row[0] for row in db.execute(f"SELECT DISTINCT {column} FROM {table}")}  # noqa: S608
            gone = [(i,) for i in known - keep]
            db.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)  # noqa: S608
            if table == "task":
                db.executemany("DELETE FROM annotation WHERE task = ?", gone)

    def tasks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return every task's id (ascending), whether it still wants annotations, and its data's version.

        Returns
        -------
        ids, open, data_versions : arrays of shape (n_tasks,), int64, bool, int64
        """
        with closing(self._open()) as db:
            rows = db.execute("SELECT id, NOT is_labeled, data_version FROM task ORDER BY id").fetchall()
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1].astype(bool), table[:, 2]

    def data(self, ids: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        """Return the data of tasks, in the order of `ids`."""
        with closing(self._open()) as db:
            if len(ids) > 1000:
                found = dict(db.execute("SELECT id, data FROM task"))
                return [json.loads(found[int(i)]) for i in ids]
            find = "SELECT data FROM task WHERE id = ?"
            return [json.loads(db.execute(find, (int(i),)).fetchone()[0]) for i in ids]

    def annotations(self) -> Iterator[tuple[int, list[Annotation]]]:
        """Yield each annotated task's id and its annotations, oldest first."""
        with closing(self._open()) as db:
            rows = db.execute(
                "SELECT id, task, result, was_cancelled, ground_truth, updated_at FROM annotation"
                " ORDER BY task, updated_at, id"
            )
            found = (Annotation(i, t, json.loads(r), bool(c), bool(g), u) for i, t, r, c, g, u in rows)
            for task, group in groupby(found, key=lambda a: a.task):
                yield task, list(group)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"snapshot of another version: {version}")
        if version == 0:
            db.executescript(SCHEMA)
        return db

    @staticmethod
    def _note(db: sqlite3.Connection, key: str) -> str | None:
        row = db.execute("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    @staticmethod
    def _set_note(db: sqlite3.Connection, key: str, value: str) -> None:
        db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))


def _annotation_row(task: int, annotation: dict[str, Any]) -> tuple[Any, ...]:
    by = annotation.get("completed_by")
    return (
        annotation["id"],
        task,
        json.dumps(annotation.get("result") or []),
        int(bool(annotation.get("was_cancelled"))),
        int(bool(annotation.get("ground_truth"))),
        annotation.get("updated_at") or "",
        by.get("id") if isinstance(by, dict) else by,
    )
