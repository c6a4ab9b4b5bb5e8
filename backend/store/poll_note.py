"""What keeps the poll from seeing a project, in its folder; the note is there while it lasts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.store.files import read_record, write_json
from backend.store.healing import make_room

FILE_NAME = "poll.json"


@dataclass(frozen=True)
class PollNote:
    """A problem and since when it is there (seconds since the epoch).

    Attributes
    ----------
    gone : Label Studio answers, and knows no such project
    foreign : it knows one, which is not the one that was connected
    """

    problem: str
    since: float = 0.0
    gone: bool = False
    foreign: bool = False

    @property
    def state(self) -> str:
        """What the project's state is called."""
        if self.foreign:
            return "not the project that was connected"
        return "gone from label studio" if self.gone else "label studio does not answer"


def note_poll(folder: Path, problem: str | None, *, gone: bool = False, foreign: bool = False) -> None:
    """Keep a problem, with the time of its beginning, or note that there is none."""
    path = folder / FILE_NAME
    before = read_record(path, PollNote)
    if problem is None:
        make_room(path)
        path.unlink(missing_ok=True)
    elif before is None or (before.problem, before.foreign) != (problem, foreign):
        # The words of a problem can change while it lasts; since when annotators have been cut off does not.
        since = before.since if before is not None and before.since else time.time()
        write_json(path, asdict(PollNote(problem, since, gone, foreign)))
