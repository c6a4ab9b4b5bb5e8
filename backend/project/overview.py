"""How each project stands: what `clean-al status`, the metrics and the end-to-end tests read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backend.learning.accuracy import Accuracy, read_accuracy
from backend.loop.encoding import encoding_notes
from backend.loop.heartbeat import Alive
from backend.project.states import Facts, problem_of, state_of
from backend.store.connection import is_connected, is_damaged, read_connection
from backend.store.files import read_record
from backend.store.healing import printable
from backend.store.insight import Insight, SavedLabels, StopAdvice, load_insight
from backend.store.models import ModelStore
from backend.store.poll_note import PollNote
from backend.store.progress import ProgressFile
from backend.store.queue_note import QueueNote
from backend.store.titles import read_title
from backend.store.wishes import read_pause


@dataclass(frozen=True)
class ProjectStatus:
    """One project's state, from MODEL_DIR, and from Redis where it was asked who is alive.

    Attributes
    ----------
    stop, savings, suspects : the advice to stop, the labels saved, and how many are likely wrong
    """

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
    stop: StopAdvice = field(default_factory=StopAdvice)
    savings: SavedLabels | None = None
    suspects: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def named(project_id: int, title: str) -> str:
    """Return a project's id with its title, where that is known."""
    return f"{project_id} ({title})" if title else str(project_id)


def project_status(store: ModelStore, project_id: int, alive: Alive | None = None) -> ProjectStatus:
    """Return how a project stands; one whose files cannot be read says so, and is no trouble to others.

    Parameters
    ----------
    alive : which processes run, see `ask_alive`; without it the answer is from MODEL_DIR alone
    """
    try:
        return _status(store, project_id, alive)
    except Exception as error:  # noqa: BLE001  whatever is wrong with one project's files, the page is for all
        problem = f"its files in MODEL_DIR cannot be read: {type(error).__name__}"
        return ProjectStatus(project_id, "cannot be read", False, False, problem=problem)


def _status(store: ModelStore, project_id: int, alive: Alive | None) -> ProjectStatus:
    folder = store.folder(project_id)
    file = ProgressFile(folder)
    published = store.published(project_id)
    connection = read_connection(store, project_id)
    facts = Facts(
        project=project_id,
        progress=file.read(),
        connected=is_connected(store, project_id),
        damaged=is_damaged(store, project_id),
        pause=read_pause(folder),
        poll=read_record(folder / "poll.json", PollNote),
        # Of the whole install: all projects share one queue.
        queue=QueueNote(store.root).read(),
        alive=alive,
        insight=load_insight(folder),
    )
    report, insight, problem = facts.report, facts.insight, problem_of(facts)
    return ProjectStatus(
        project=project_id,
        # As last heard: a status must not wait for Label Studio.
        title=read_title(folder),
        paused_since=facts.pause.since if facts.pause else None,
        state=state_of(facts),
        connected=facts.connected,
        webhook=bool(connection and connection.webhook_id),
        version=published.version if published else None,
        has_model=bool(published and published.has_model),
        labels=int(report.get("labels", 0)),
        candidates=int(report.get("candidates", 0)),
        queue=len(published.head) if published else 0,
        rounds=file.rounds(),
        last_round=report.get("ended_at"),
        seconds=dict(report.get("seconds", {})),
        # An error may quote half of a character, which neither JSON nor a page can hold.
        problem=problem and printable(problem),
        notes=_notes(report, insight, folder),
        accuracy=read_accuracy(report),
        stop=insight.stop,
        savings=insight.savings,
        suspects=len(insight.suspects),
    )


def _notes(report: dict[str, Any], insight: Insight, folder: Path) -> list[str]:
    return [printable(n) for n in (*report.get("notes", []), *insight.problems, *encoding_notes(folder))]
