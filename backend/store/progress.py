"""What the rounds and the poll of a project last saw: the memory that status, poll and retries share.

It lies in MODEL_DIR beside the models, so that it outlives Redis.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.store.files import open_private, read_record, write_json

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
ROUNDS_KEPT = 10_000


@dataclass(frozen=True)
class Progress:
    """The state of a project's rounds.

    Attributes
    ----------
    running_since : when the round that now runs began (seconds since the epoch), or None
    covers : what Label Studio looked like when the last finished round began, see `backend.loop.observe`
    report : the last finished round's report
    error : why the last round failed; None when it did not
    failures : failed rounds in a row
    failed_at, try_again_at : when the last round failed, and when it is tried again (seconds since the epoch)
    """

    running_since: float | None = None
    covers: dict[str, Any] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    failures: int = 0
    try_again_at: float = 0.0
    failed_at: float = 0.0

    def may_try_again(self, now: float) -> bool:
        """Whether the pause after a failure is over; one from the future: the clock was set back."""
        return now >= self.try_again_at or now < self.failed_at


class ProgressFile:
    """The progress of one project, in its folder; only the holder of the project's lease writes it."""

    def __init__(self, folder: Path):
        self._path = folder / "progress.json"
        self._history = folder / "rounds.jsonl"

    def read(self) -> Progress:
        """Return the progress; an empty one before the first round."""
        return read_record(self._path, Progress) or Progress()

    def begin(self) -> None:
        """Note that a round runs."""
        self._write(replace(self.read(), running_since=time.time()))

    def succeed(self, report: dict[str, Any], covers: dict[str, Any]) -> None:
        """Note a finished round and what it has covered."""
        self._write(Progress(covers=covers, report=report))
        if report.get("outcome") == "published":
            with open(self._history, "a", encoding="utf-8", opener=open_private) as history:
                history.write(json.dumps(report) + "\n")

    def fail(self, error: str) -> Progress:
        """Note a failed round; the pause before the next one doubles each time."""
        before, now = self.read(), time.time()
        pause = min(FIRST_PAUSE * 2**before.failures, LONGEST_PAUSE)
        after = replace(
            before,
            running_since=None,
            error=error,
            failures=min(before.failures + 1, 30),
            try_again_at=now + pause,
            failed_at=now,
        )
        self._write(after)
        return after

    def history(self) -> list[dict[str, Any]]:
        """Return the reports of the rounds that published something, oldest first."""
        try:
            lines = self._history.read_text(encoding="utf-8").splitlines()[-ROUNDS_KEPT:]
        except FileNotFoundError:
            return []
        return [report for line in lines if (report := _report(line)) is not None]

    def _write(self, progress: Progress) -> None:
        write_json(self._path, asdict(progress))


def _report(line: str) -> dict[str, Any] | None:
    """Return the report in a line; None for one that a crash cut short."""
    try:
        report = json.loads(line)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None
