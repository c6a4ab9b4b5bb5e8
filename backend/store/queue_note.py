"""What is wrong with the queue, for `clean-al status`, which asks nobody but MODEL_DIR."""

from __future__ import annotations

import time
from pathlib import Path

from backend.store.files import read_json, write_json
from backend.store.healing import make_room

FILE_NAME = "queue.json"


class QueueNote:
    """The note in MODEL_DIR/queue.json; it is there while the queue server does not do its work."""

    def __init__(self, model_dir: Path):
        self._path = model_dir / FILE_NAME

    def set(self, problem: str | None) -> None:
        """Note a problem with the time since when it is there, or that there is none."""
        before = self.read()
        if problem is None:
            make_room(self._path)
            self._path.unlink(missing_ok=True)
        elif before is None or before[0] != problem:
            # Its words may change while it lasts; since when there is no queue does not.
            write_json(self._path, {"problem": problem, "since": before[1] if before else time.time()})

    def read(self) -> tuple[str, float] | None:
        """Return the problem and since when it is there; None without one."""
        note = read_json(self._path)
        if not isinstance(note, dict) or not isinstance(note.get("problem"), str):
            return None
        since = note.get("since")
        return note["problem"], float(since) if isinstance(since, int | float) else 0.0
