"""A project as Label Studio holds it, kept on disk and brought up to date by what has changed.

The snapshot is a cache: every row comes from Label Studio, and a missing or damaged file is read anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np

from backend.label_studio.client import Counts, LabelStudio, NewestChanges, greater
from backend.label_studio.records import Annotation
from backend.store.files import private_folder
from backend.store.healing import make_room
from backend.store.snapshot_file import SnapshotFile, damage_told, is_damage, is_locked, json_of, list_of

PREDICTION_FIELDS = ("id", "predictions", "model_version", "score", "result")
TASK_FIELDS = ("id", "data", "is_labeled", "updated_at")
# Transactions may commit a little after the moment that they are stamped with.
OVERLAP = timedelta(seconds=10)
# Now and then everything is read, in case that an addition has hidden a deletion in the counts.
FULL_READ_EVERY = timedelta(hours=24)
PAGE_SIZE = 1000
LOOKED_UP_AT_ONCE = 500
LOOKS_AT_CHANGES = 4


@dataclass(frozen=True)
class Refresh:
    """What bringing a snapshot up to date took: how many tasks were read, and whether all of them were."""

    tasks_read: int
    complete: bool


class Snapshot(SnapshotFile):
    """The tasks and annotations of one project, in a SQLite file."""

    def refresh(self, label_studio: LabelStudio, project_id: int, *, anew: bool = False) -> Refresh:
        """Bring the snapshot up to date, by changes where that is enough, else from the start.

        Parameters
        ----------
        anew : bool
            Read everything, whatever the times of changes say.
        """
        private_folder(self.path.parent)
        make_room(self.path)
        try:
            return self._refresh(label_studio, project_id, anew)
        except sqlite3.DatabaseError as error:
            # We hold the project's lease: whoever keeps the file locked has lost it and stands still.
            if not (is_damage(error) or is_locked(error)):
                raise
            self.discard()
            return self._refresh(label_studio, project_id, anew)

    def _refresh(self, label_studio: LabelStudio, project_id: int, anew: bool) -> Refresh:
        with closing(self.open()) as db:
            # Asked for before anything is read: what changes while we read is read again next time.
            newest = label_studio.newest_changes(project_id)
            read = None if anew else self._catch_up(db, label_studio, project_id, newest)
            complete = read is None
            if read is None:
                begun = datetime.now(UTC).isoformat()
                read = self._read_everything(db, label_studio, project_id)
                self.set_note(db, "complete_at", begun)
                # Counts alone do not tell that a backup brought other predictions back.
                self.set_note(db, "predictions", "")
            self.set_note(db, "since", newest.settled or "")
            self.set_note(db, "newest", newest.latest or "")
            return Refresh(read, complete)

    def _catch_up(
        self, db: sqlite3.Connection, label_studio: LabelStudio, project_id: int, newest: NewestChanges
    ) -> int | None:
        """Return how many changed tasks were read; None when everything must be read."""
        since, complete_at = self.moment(db, "since"), self.moment(db, "complete_at")
        if since is None or complete_at is None or self._went_back(db, newest):
            return None
        if not timedelta(0) <= datetime.now(UTC) - complete_at < FULL_READ_EVERY:
            return None
        read, first = 0, since
        for _ in range(LOOKS_AT_CHANGES):
            read += self._read_changes(db, label_studio, project_id, since)
            if self._agrees(db, label_studio.counts(project_id)):
                return None if self._is_of_earlier_times(db, label_studio, project_id, first) else read
            # Something may have come between the two calls; only a difference that stays is a deletion.
            before, newest = newest, label_studio.newest_changes(project_id)
            if before.settled is None or newest == before:
                break
            since = datetime.fromisoformat(before.settled)
        return None

    def _went_back(self, db: sqlite3.Connection, newest: NewestChanges) -> bool:
        """Whether the newest change is older than one seen: a backup was restored, or a task deleted."""
        seen = self.moment(db, "newest"), self.moment(db, "since")
        now = newest.latest, newest.settled
        return any(
            before is not None and (text is None or datetime.fromisoformat(text) < before)
            for before, text in zip(seen, now, strict=True)
        )

    def _is_of_earlier_times(
        self, db: sqlite3.Connection, label_studio: LabelStudio, project_id: int, since: datetime
    ) -> bool:
        """Whether a task is older there than here: a backup was restored, and work went on.

        A backup takes back what had changed last; so of the tasks that nobody has touched since it is enough
        to compare the one that changed last.
        """
        text = _in_utc(since.isoformat())
        (here,) = db.execute("SELECT max(updated_at) FROM task WHERE updated_at <= ?", (text,)).fetchone()
        if here is None:
            return False
        there = label_studio.newest_change(project_id, until=since)
        return there is None or _in_utc(there) < _in_utc(here)

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
        # Label Studio counts skips apart: a task that was only skipped has none of the first kind.
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
            (t["id"], json.dumps(t["data"]), int(bool(t.get("is_labeled"))), _in_utc(t["updated_at"]), 1)
            for t in page
        ]
        with db:
            db.executemany(
                # A new version only where the data differ: each annotation puts a new time on its task,
                # too.
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
        """Whether nothing changed behind our back: Label Studio does not announce every deletion.

        Nor does it put a new time on tasks that another number of annotations per task opens or closes.
        """
        tasks, finished = db.execute("SELECT count(*), ifnull(sum(is_labeled), 0) FROM task").fetchone()
        every, skipped = db.execute(
            "SELECT count(*), ifnull(sum(was_cancelled), 0) FROM annotation"
        ).fetchone()
        return Counts(tasks, every - skipped, finished, skipped) == counts

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
        with closing(self.open()) as db:
            rows = db.execute("SELECT id, NOT is_labeled, data_version FROM task ORDER BY id")
            with damage_told():
                table = np.fromiter(rows, dtype=np.dtype((np.int64, 3)))
        return table[:, 0].copy(), table[:, 1].astype(bool), table[:, 2].copy()

    def data(self, ids: Sequence[int] | np.ndarray) -> Iterator[dict[str, Any]]:
        """Yield the data of tasks, in the order of `ids`; {} for one that is gone."""
        with closing(self.open()) as db:
            for i in range(0, len(ids), LOOKED_UP_AT_ONCE):
                wanted = [int(j) for j in ids[i : i + LOOKED_UP_AT_ONCE]]
                places = ",".join("?" * len(wanted))
                found = dict(db.execute(f"SELECT id, data FROM task WHERE id IN ({places})", wanted))  # noqa: S608
                for j in wanted:
                    data = json_of(found.get(j, "{}"))
                    yield data if isinstance(data, dict) else {}

    def annotations(self) -> Iterator[tuple[int, list[Annotation]]]:
        """Yield each annotated task's id and its annotations, oldest first."""
        with closing(self.open()) as db:
            rows = db.execute(
                "SELECT id, task, result, was_cancelled, ground_truth, updated_at, completed_by"
                " FROM annotation ORDER BY task, updated_at, id"
            )
            found = (
                Annotation(i, t, list_of(r), bool(c), bool(g), u, _id(b)) for i, t, r, c, g, u, b in rows
            )
            for task, group in groupby(found, key=lambda a: a.task):
                yield task, list(group)

    def refresh_predictions(
        self, label_studio: LabelStudio, project_id: int, versions: Mapping[str, int]
    ) -> None:
        """Read what others' models predicted, unless these counts are the same as when that was last done.

        Parameters
        ----------
        versions : how many predictions each of the wanted model versions has in the project
        """
        wanted = json.dumps(dict(sorted(versions.items())))
        with closing(self.open()) as db:
            if wanted == (self.note(db, "predictions") or "{}"):
                return
            with db:
                db.execute("DELETE FROM prediction")
            where = [greater("total_predictions", 0)]
            pages = (
                label_studio.iter_tasks(
                    project_id, include=PREDICTION_FIELDS, where=where, page_size=PAGE_SIZE
                )
                if versions
                else ()
            )
            for page in pages:
                rows = [row for task in page for row in _prediction_rows(task, versions)]
                with db:
                    # The newest of a task comes last and stays.
                    db.executemany("INSERT OR REPLACE INTO prediction VALUES (?, ?, ?, ?, ?)", rows)
            # Last: a reading that breaks off is done again.
            self.set_note(db, "predictions", wanted)

    def predictions(
        self, ids: Sequence[int] | np.ndarray, version: str | None = None
    ) -> list[dict[str, Any] | None]:
        """Return what another's model predicted of these tasks, as last read; None where nothing is known.

        Parameters
        ----------
        version : its model version; without one, each task's newest prediction counts
        """
        with closing(self.open()) as db:
            query = "SELECT task, score, result FROM prediction WHERE ? IN (model_version, '') ORDER BY id"
            rows = db.execute(query, (version or "",))
            known = {task: {"score": score, "result": json_of(result)} for task, score, result in rows}
        return [known.get(int(i)) for i in ids]


def _id(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _annotation_row(task: int, annotation: dict[str, Any]) -> tuple[Any, ...]:
    by, result = annotation.get("completed_by"), annotation.get("result")
    return (
        annotation["id"],
        task,
        json.dumps(result if isinstance(result, list) else []),
        int(bool(annotation.get("was_cancelled"))),
        int(bool(annotation.get("ground_truth"))),
        _in_utc(annotation.get("updated_at")),
        by.get("id") if isinstance(by, dict) else by,
    )


def _prediction_rows(task: dict[str, Any], versions: Container[str]) -> Iterator[tuple[Any, ...]]:
    given = [p for p in task.get("predictions") or [] if p.get("model_version") in versions]
    for prediction in sorted(given, key=lambda p: int(p.get("id") or 0)):
        result, score = prediction.get("result"), prediction.get("score")
        yield (
            task["id"],
            prediction["model_version"],
            int(prediction.get("id") or 0),
            float(score) if isinstance(score, int | float) else None,
            json.dumps(result if isinstance(result, list) else []),
        )


def _in_utc(time: str | None) -> str:
    """Return a time so that the order of texts is the order of times, whatever zone and precision it has."""
    if not time:
        return ""
    moment = datetime.fromisoformat(time)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
