"""How each project stands: what `clean-al status`, the metrics and the end-to-end tests read."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from backend.learning.accuracy import Accuracy, read_accuracy
from backend.loop.report import NOT_ORDERABLE
from backend.store.connection import is_connected, read_connection
from backend.store.files import read_json
from backend.store.models import ModelStore
from backend.store.progress import Progress, ProgressFile
from backend.store.queue_note import QueueNote

Note = tuple[str, float]


@dataclass(frozen=True)
class ProjectStatus:
    """One project's state, from MODEL_DIR alone: it answers even when everything else is down."""

    project: int
    state: str
    connected: bool
    webhook: bool
    version: str | None
    has_model: bool
    labels: int
    candidates: int
    queue: int
    rounds: int
    last_round: str | None
    seconds: dict[str, float]
    problem: str | None
    notes: list[str] = field(default_factory=list)
    accuracy: Accuracy = field(default_factory=Accuracy)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def project_status(store: ModelStore, project_id: int) -> ProjectStatus:
    """Return how a project stands."""
    folder = store.folder(project_id)
    progress = ProgressFile(folder).read()
    published = store.published(project_id)
    connection = read_connection(store, project_id)
    connected = is_connected(store, project_id)
    poll = read_json(folder / "poll.json") or {}
    queue = QueueNote(store.root).read()
    report = progress.report
    return ProjectStatus(
        project=project_id,
        state=_state(progress, connected, poll, queue),
        connected=connected,
        webhook=bool(connection and connection.webhook_id),
        version=published.version if published else None,
        has_model=bool(published and published.has_model),
        labels=int(report.get("labels", 0)),
        candidates=int(report.get("candidates", 0)),
        queue=len(published.head) if published else 0,
        rounds=len(ProgressFile(folder).history()),
        last_round=report.get("ended_at"),
        seconds=dict(report.get("seconds", {})),
        problem=_problem(progress, poll, queue),
        notes=list(report.get("notes", [])),
        accuracy=read_accuracy(report),
    )


def _state(progress: Progress, connected: bool, poll: dict[str, Any], queue: Note | None) -> str:
    if not connected:
        return "off"
    if queue is not None:
        return "the queue does not work"
    if poll:
        return "gone from label studio" if poll.get("gone") else "label studio does not answer"
    if progress.running_since is not None:
        return "running"
    if progress.failures:
        return "failing"
    if not progress.report:
        return "waiting for the first round"
    if progress.report.get("outcome") == NOT_ORDERABLE:
        return NOT_ORDERABLE
    return "learning" if progress.report.get("has_model") else "waiting for labels"


def _problem(progress: Progress, poll: dict[str, Any], queue: Note | None) -> str | None:
    note = queue or (poll and (str(poll.get("problem")), poll.get("since", 0)))
    if note:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note[1]))
        return f"{note[0]} (since {since}; the last order stands)"
    if progress.failures:
        wait = max(0.0, progress.try_again_at - time.time())
        return f"{progress.error} ({progress.failures} times; again in {wait:.0f} s; the last order stands)"
    if progress.report.get("outcome") == NOT_ORDERABLE:
        return str(next(iter(progress.report.get("notes", [])), NOT_ORDERABLE))
    return None
