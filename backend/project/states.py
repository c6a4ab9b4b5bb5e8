"""What a project's state is called, and what is wrong with it: of all that holds, what matters most."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backend.loop.heartbeat import Alive
from backend.loop.report import NOT_ORDERABLE
from backend.project.times import local_time
from backend.store.insight import Insight
from backend.store.poll_note import PollNote
from backend.store.progress import Progress
from backend.store.wishes import Pause

DAMAGED = (
    "connection.json and its copy are damaged: the loop is off; run clean-al connect {project}, which can no "
    "longer tell what was there before the first one"
)
NO_WORKER = "no worker runs, so nothing is learned: start clean-al serve (or clean-al worker)"
NO_POLL = "no poll runs: what no webhook announces is not seen; start clean-al serve (or clean-al worker)"
# What a question says that no label will mend by itself.
DEAD_ENDS = ("learning failed", "none of the labeled tasks")


@dataclass(frozen=True)
class Facts:
    """What a project's state is made of.

    Attributes
    ----------
    queue : what is wrong with the queue server, and since when (seconds since the epoch)
    alive : which processes run; None where nobody was asked
    """

    project: int
    progress: Progress
    connected: bool
    damaged: bool = False
    pause: Pause | None = None
    poll: PollNote | None = None
    queue: tuple[str, float] | None = None
    alive: Alive | None = None
    insight: Insight = field(default_factory=Insight)

    @property
    def report(self) -> dict[str, Any]:
        """The last finished round's."""
        return self.progress.report

    @property
    def no_worker(self) -> bool:
        """Whether it was asked who is alive, and no worker is."""
        return self.alive is not None and self.alive.problem is None and not self.alive.workers

    @property
    def queue_problem(self) -> str | None:
        """What is wrong with the queue server, as asked now or as the poll has noted it."""
        # The note is the better word: it says since when.
        if self.queue is not None:
            return _since(*self.queue)
        away = self.alive.problem if self.alive is not None else None
        return away and f"{away}; the last order stands"

    @property
    def finished(self) -> bool:
        """Whether every task has a label."""
        return bool(self.report.get("labels")) and self.report.get("candidates") == 0

    @property
    def dead_end(self) -> str | None:
        """Why nothing is learned, where more labels alone would not mend that."""
        if self.report.get("has_model") or not self.report.get("labels"):
            return None
        missing = (str(q.get("missing") or "") for q in self.report.get("questions") or ())
        return next((why for why in missing if why.startswith(DEAD_ENDS)), None)


# What keeps rounds from running stands before what the last one has found: that may be long ago.
STATES: tuple[tuple[str, Callable[[Facts], Any]], ...] = (
    ("its connection is damaged", lambda f: f.damaged),
    ("off", lambda f: not f.connected),
    ("paused", lambda f: f.pause is not None),
    ("the queue does not work", lambda f: f.queue_problem),
    ("no worker runs", lambda f: f.no_worker),
    ("not the project that was connected", lambda f: f.poll and f.poll.foreign),
    ("gone from label studio", lambda f: f.poll and f.poll.gone),
    ("label studio does not answer", lambda f: f.poll),
    ("running", lambda f: f.progress.running_since is not None),
    ("failing", lambda f: f.progress.failures),
    ("waiting for the first round", lambda f: not f.report),
    (NOT_ORDERABLE, lambda f: f.report.get("outcome") == NOT_ORDERABLE),
    ("waiting for tasks", lambda f: f.report.get("tasks") == 0),
    ("finished", lambda f: f.finished),
    ("only skipped tasks are left", lambda f: 0 < f.report.get("candidates", 0) == f.report.get("skipped")),
    ("cannot learn", lambda f: f.dead_end),
    ("settled", lambda f: f.report.get("has_model") and f.insight.stop.verdict == "stop"),
    ("learning", lambda f: f.report.get("has_model")),
    ("orders without learning", lambda f: f.report.get("questions") in ([], ())),
    ("waiting for labels", lambda f: True),
)


def state_of(facts: Facts) -> str:
    """Return what the state is called: the first of STATES that holds."""
    return next(name for name, holds in STATES if holds(facts))


def problem_of(facts: Facts) -> str | None:
    """Return what is wrong and what would help; None when nothing is."""
    if facts.damaged:
        return DAMAGED.format(project=facts.project)
    if not facts.connected:
        return None
    if facts.queue_problem is not None:
        return facts.queue_problem
    if facts.no_worker and facts.pause is None:
        before = _problem_of_round(facts)
        return f"{NO_WORKER}; the last order stands" + (f". Before that: {before}" if before else "")
    if facts.poll is not None:
        return _since(facts.poll.problem, facts.poll.since)
    no_poll = facts.alive is not None and not facts.alive.polls and facts.pause is None
    return _problem_of_round(facts) or (NO_POLL if no_poll else None)


def _problem_of_round(facts: Facts) -> str | None:
    progress = facts.progress
    if progress.failures:
        # It may be over, while the round waits for a free worker.
        wait = max(0.0, progress.try_again_at - time.time())
        return f"{progress.error} ({progress.failures} times; again in {wait:.0f} s; the last order stands)"
    if facts.report.get("outcome") == NOT_ORDERABLE:
        return str(next(iter(facts.report.get("notes", [])), NOT_ORDERABLE))
    return facts.dead_end


def _since(problem: str, since: float) -> str:
    return f"{problem} (since {local_time(since)}; the last order stands)"
