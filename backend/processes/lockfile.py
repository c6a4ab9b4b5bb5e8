"""A lock on a directory's owner: held while its process lives, and naming it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class LockHeld(Exception):
    """Another living process holds the lock; `pid` says which, when it could be read."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is held by process {pid if pid else '(unknown)'}")
        self.path, self.pid = path, pid


class LockFile:
    """An exclusive lock that the kernel drops when its holder ends, however it ends.

    The file stays behind: to remove it would let two processes hold locks on two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock and write our process id into the file.

        Raises
        ------
        LockHeld
            Another process, or another `LockFile` of this one, holds it.
        """
        # Not to be inherited: a child that outlives us would go on holding the lock.
        # Not through a link: its target would be emptied.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = os.pread(file, 32, 0).strip()
            os.close(file)
            raise LockHeld(self.path, int(text) if text.isdigit() else None) from None
        # Only now: until the lock is ours the file names who holds it.
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; without one, do nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> LockFile:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
