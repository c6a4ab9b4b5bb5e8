"""What the rounds and the poll of a project last saw: the memory that status, poll and retries share.

It lies in MODEL_DIR beside the models, so that it outlives Redis.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.store.files import open_private, private_folder, read_record, write_atomically, write_json
from backend.store.healing import make_room, sound_report

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
# Bytes of the history; some thousand rounds.
LARGEST_HISTORY = 4 * 2**20
# Of a round's outcomes, those after which something else is served than before.
PUBLISHED = ("published", "rolled back")
# A report's own count stands before those of its questions; quotes within a text are escaped.
LABELS, HAS_MODEL = re.compile(rb'(?<!\\)"labels": (\d{1,9})\b'), b'"has_model": true'


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
    rounds : rounds that have published something; None where an earlier version has not counted
    failed_at, try_again_at : when the last round failed, and when it is tried again (seconds since the epoch)
    """

    running_since: float | None = None
    covers: dict[str, Any] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    failures: int = 0
    try_again_at: float = 0.0
    failed_at: float = 0.0
    rounds: int | None = None

    def may_try_again(self, now: float) -> bool:
        """Whether the pause after a failure is over; one from the future: the clock was set back."""
        return now >= self.try_again_at or now < self.failed_at


class ProgressFile:
    """The progress of one project, in its folder; only the holder of the project's lease writes it."""

    def __init__(self, folder: Path):
        self.path = folder / "progress.json"
        self._history = folder / "rounds.jsonl"

    def read(self) -> Progress:
        """Return the progress; an empty one before the first round."""
        progress = read_record(self.path, Progress) or Progress()
        return replace(progress, report=sound_report(progress.report))

    def begin(self) -> None:
        """Note that a round runs."""
        self._write(replace(self.read(), running_since=time.time()))

    def succeed(self, report: dict[str, Any], covers: dict[str, Any]) -> None:
        """Note a finished round and what it has covered."""
        published = report.get("outcome") in PUBLISHED
        rounds = self.rounds() + published
        if published:
            self._note(report)
        # A new one: error, failures and pause of earlier rounds are over.
        self._write(Progress(covers=covers, report=report, rounds=rounds))

    def rounds(self) -> int:
        """Return how many rounds have published something."""
        known = self.read().rounds
        return len(self.history()) if known is None else known

    def _note(self, report: dict[str, Any]) -> None:
        """Add a line to the history; a long one is cut to its newest half."""
        private_folder(self._history.parent)
        make_room(self._history)
        with open(self._history, "ab+", opener=open_private) as history:
            # A line that a crash cut short must not take the next one with it.
            size = history.seek(0, os.SEEK_END)
            history.seek(max(size - 1, 0))
            ends = history.read(1) in (b"", b"\n")
            history.write((b"" if ends else b"\n") + json.dumps(report).encode() + b"\n")
        # To half, so that it is rewritten once in hundreds of rounds and not at every one.
        if size > LARGEST_HISTORY:
            kept = self._history.read_bytes()[-LARGEST_HISTORY // 2 :]
            write_atomically(self._history, kept[kept.find(b"\n") + 1 :])

    def fail(self, error: str) -> Progress:
        """Note a failed round; the pause before the next one doubles each time."""
        before, now = self.read(), time.time()
        pause = min(FIRST_PAUSE * 2**before.failures, LONGEST_PAUSE)
        after = replace(
            before,
            running_since=None,
            error=error,
            # 2 to the power of thousands of failures is no float any more.
            failures=min(before.failures + 1, 30),
            try_again_at=now + pause,
            failed_at=now,
        )
        self._write(after)
        return after

    def recent(self, longest: int = 2**17) -> tuple[list[dict[str, Any]], int]:
        """Return the reports in the last bytes of the history, oldest first, and how many lines are damaged.

        A page needs the newest rounds alone; some thousand would take it too long to read.
        """
        try:
            with open(self._history, "rb") as history:
                start = max(history.seek(0, os.SEEK_END) - longest, 0)
                history.seek(start)
                lines = history.read().splitlines()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return [], 0
        # The first line may begin before what was read.
        found = [_report(line) for line in lines[1 if start else 0 :] if line.strip()]
        reports = [report for report in found if report is not None]
        return reports, len(found) - len(reports)

    def learned_from(self) -> list[int]:
        """Return how many labels each round of the history has learned from, oldest first.

        Found without reading the reports: of thousands that would take a page too long.
        """
        try:
            lines = self._history.read_bytes().splitlines()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return []
        counts = (LABELS.search(line) for line in lines if HAS_MODEL in line)
        return [int(found[1]) for found in counts if found]

    def history(self) -> list[dict[str, Any]]:
        """Return the reports of the last rounds that published something, oldest first."""
        try:
            lines = self._history.read_bytes().splitlines()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return []
        return [report for line in lines if (report := _report(line)) is not None]

    def _write(self, progress: Progress) -> None:
        write_json(self.path, asdict(progress))


def _report(line: bytes) -> dict[str, Any] | None:
    """Return the report in a line; None for one that a crash cut short or that was damaged since."""
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return sound_report(report) if isinstance(report, dict) else None
