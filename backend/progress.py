"""What the rounds and the poll of a project last saw: the memory that status, poll and retries share.

It lies in MODEL_DIR beside the models, so that it outlives Redis.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.files import read_json, write_json

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
ROUNDS_KEPT = 10_000


@dataclass(frozen=True)
class Progress:
    """The state of a project's rounds.

    Attributes
    ----------
    running_since : when the round that now runs began (seconds since the epoch), or None
    covers : what Label Studio looked like when the last finished round began, see `backend.observe`
    report : the last finished round's report
    error : why the last round failed; None when it did not
    failures : failed rounds in a row
    try_again_at : when a failed round is tried again (seconds since the epoch)
    """

    running_since: float | None = None
    covers: dict[str, Any] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    failures: int = 0
    try_again_at: float = 0.0


class ProgressFile:
    """The progress of one project, in its folder; only the holder of the project's lease writes it."""

    def __init__(self, folder: Path):
        self._path = folder / "progress.json"
        self._history = folder / "rounds.jsonl"

    def read(self) -> Progress:
        """Return the progress; an empty one before the first round."""
        stored = read_json(self._path)
        return Progress(**stored) if isinstance(stored, dict) else Progress()

    def begin(self) -> None:
        """Note that a round runs."""
        self._write(replace(self.read(), running_since=time.time()))

    def succeed(self, report: dict[str, Any], covers: dict[str, Any]) -> None:
        """Note a finished round and what it has covered."""
        self._write(Progress(covers=covers, report=report))
        if report.get("outcome") == "published":
            with self._history.open("a", encoding="utf-8") as history:
                history.write(json.dumps(report) + "\n")

    def fail(self, error: str) -> Progress:
        """Note a failed round; the pause before the next one doubles each time."""
        before = self.read()
        pause = min(FIRST_PAUSE * 2**before.failures, LONGEST_PAUSE)
        after = replace(
            before,
            running_since=None,
            error=error,
            failures=min(before.failures + 1, 30),
            try_again_at=time.time() + pause,
        )
        self._write(after)
        return after

    def history(self) -> list[dict[str, Any]]:
        """Return the reports of the rounds that published something, oldest first."""
        try:
            lines = self._history.read_text(encoding="utf-8").splitlines()[-ROUNDS_KEPT:]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _write(self, progress: Progress) -> None:
        write_json(self._path, asdict(progress))
