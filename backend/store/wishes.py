"""What people have asked of a project's loop: to pause, and to serve an earlier model again.

    pause.json      since when the loop is paused; there while it is
    rollback.json   the version that is to be served again; there until a worker has done it

Both lie in the project's folder, so they outlive Redis, workers and a restart.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.store.files import read_record, write_json
from backend.store.healing import make_room

PAUSE_FILE, ROLLBACK_FILE = "pause.json", "rollback.json"


@dataclass(frozen=True)
class Pause:
    """Since when a project's loop is paused, in seconds since the epoch; 0 when that is not known."""

    since: float = 0.0


@dataclass(frozen=True)
class RollbackWish:
    """The model version that is to be served again."""

    version: str


def read_pause(folder: Path) -> Pause | None:
    """Return since when a project's loop is paused; None when it is not.

    A damaged note still says that somebody paused it.
    """
    path = folder / PAUSE_FILE
    return (read_record(path, Pause) or Pause()) if path.exists() else None


def is_paused(folder: Path) -> bool:
    """Whether a project's loop is paused."""
    return (folder / PAUSE_FILE).exists()


def note_pause(folder: Path) -> bool:
    """Pause a project's loop; return whether it was not paused before."""
    # The first pause counts: people are told since when.
    if is_paused(folder):
        return False
    write_json(folder / PAUSE_FILE, asdict(Pause(time.time())))
    return True


def end_pause(folder: Path) -> bool:
    """End the pause; return whether there was one."""
    return _remove(folder / PAUSE_FILE)


def wish_rollback(folder: Path, version: str) -> None:
    """Ask for an earlier model to be served again."""
    write_json(folder / ROLLBACK_FILE, asdict(RollbackWish(version)))


def wished_rollback(folder: Path) -> str | None:
    """Return the version that is to be served again, if one is."""
    wish = read_record(folder / ROLLBACK_FILE, RollbackWish)
    return wish.version if wish else None


def forget_rollback(folder: Path, version: str) -> None:
    """Take back the wish for this version; another one, that came since, stands."""
    if wished_rollback(folder) == version:
        _remove(folder / ROLLBACK_FILE)


def rests(folder: Path) -> bool:
    """Whether nothing is to be done for a project: it is paused, and not even a rollback is asked for."""
    return is_paused(folder) and wished_rollback(folder) is None


def _remove(path: Path) -> bool:
    was_there = path.exists()
    # A folder in its place could not be removed, and the loop would stay paused.
    make_room(path)
    path.unlink(missing_ok=True)
    return was_there
