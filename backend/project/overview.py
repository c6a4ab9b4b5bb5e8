"""How each project stands: what `clean-al status`, the metrics and the end-to-end tests read."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from backend.learning.accuracy import Accuracy, read_accuracy
from backend.loop.encoding import encoding_notes
from backend.loop.report import NOT_ORDERABLE
from backend.store.connection import is_connected, is_damaged, read_connection
from backend.store.files import read_record
from backend.store.healing import printable
from backend.store.models import ModelStore
from backend.store.poll_note import PollNote
from backend.store.progress import Progress, ProgressFile
from backend.store.queue_note import QueueNote
from backend.store.titles import read_title
from backend.store.wishes import Pause, read_pause

Note = tuple[str, float]
DAMAGED = (
    "connection.json and its copy are damaged: the loop is off; run clean-al connect {project}, which can no "
    "longer tell what was there before the first one"
)


@dataclass(frozen=True)
class ProjectStatus:
    """One project's state, from MODEL_DIR alone: it answers even when everything else is down."""

    project: int
    state: str
    connected: bool
    webhook: bool
    title: str = ""
    paused_since: float | None = None
    version: str | None = None
    has_model: bool = False
    labels: int = 0
    candidates: int = 0
    queue: int = 0
    rounds: int = 0
    last_round: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    accuracy: Accuracy = field(default_factory=Accuracy)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def named(project_id: int, title: str) -> str:
    """Return a project's id with its title, where that is known."""
    return f"{project_id} ({title})" if title else str(project_id)


def project_status(store: ModelStore, project_id: int) -> ProjectStatus:
    """Return how a project stands; one whose files cannot be read says so, and is no trouble to others."""
    try:
        return _status(store, project_id)
    except Exception as error:  # noqa: BLE001  whatever is wrong with one project's files, the page is for all
        problem = f"its files in MODEL_DIR cannot be read: {type(error).__name__}"
        return ProjectStatus(project_id, "cannot be read", False, False, problem=problem)


def _status(store: ModelStore, project_id: int) -> ProjectStatus:
    folder = store.folder(project_id)
    file = ProgressFile(folder)
    progress = file.read()
    published = store.published(project_id)
    connection = read_connection(store, project_id)
    connected = is_connected(store, project_id)
    damaged = is_damaged(store, project_id)
    pause = read_pause(folder)
    poll = read_record(folder / "poll.json", PollNote)
    queue = QueueNote(store.root).read()
    report = progress.report
    problem = DAMAGED.format(project=project_id) if damaged else _problem(progress, poll, queue)
    return ProjectStatus(
        project=project_id,
        title=read_title(folder),
        paused_since=pause.since if pause else None,
        state="its connection is damaged" if damaged else _state(progress, connected, pause, poll, queue),
        connected=connected,
        webhook=bool(connection and connection.webhook_id),
        version=published.version if published else None,
        has_model=bool(published and published.has_model),
        labels=int(report.get("labels", 0)),
        candidates=int(report.get("candidates", 0)),
        queue=len(published.head) if published else 0,
        rounds=file.rounds(),
        last_round=report.get("ended_at"),
        seconds=dict(report.get("seconds", {})),
        problem=problem and printable(problem),
        notes=[printable(note) for note in (*report.get("notes", []), *encoding_notes(folder))],
        accuracy=read_accuracy(report),
    )


def _state(
    progress: Progress, connected: bool, pause: Pause | None, poll: PollNote | None, queue: Note | None
) -> str:
    if not connected:
        return "off"
    if pause is not None:
        return "paused"
    if queue is not None:
        return "the queue does not work"
    if poll is not None:
        return poll.state
    if progress.running_since is not None:
        return "running"
    if progress.failures:
        return "failing"
    if not progress.report:
        return "waiting for the first round"
    if progress.report.get("outcome") == NOT_ORDERABLE:
        return NOT_ORDERABLE
    return "learning" if progress.report.get("has_model") else "waiting for labels"


def _problem(progress: Progress, poll: PollNote | None, queue: Note | None) -> str | None:
    note = queue or ((poll.problem, poll.since) if poll is not None else None)
    if note:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note[1]))
        return f"{note[0]} (since {since}; the last order stands)"
    if progress.failures:
        wait = max(0.0, progress.try_again_at - time.time())
        return f"{progress.error} ({progress.failures} times; again in {wait:.0f} s; the last order stands)"
    if progress.report.get("outcome") == NOT_ORDERABLE:
        return str(next(iter(progress.report.get("notes", [])), NOT_ORDERABLE))
    return None
