"""Runs one program, and ends it with all of its descendants when asked or when whoever asked is gone.

    parent --- lifeline (a socket pair) --- keeper --- program --- its own children

A keeper is a small process between a parent and a program. The kernel closes the parent's end of the
lifeline however the parent dies, so the keeper sees a `kill -9` too; that holds on Linux and macOS, and for a
program started in any thread (PR_SET_PDEATHSIG alone fires when the starting *thread* ends). On Linux the
keeper also adopts orphans of the program, among them an RQ work horse, which lives in a session of its own
and is out of reach for a signal to the process group.

`Kept` is the parent's side; the keeper itself is `backend/processes/program_keeper.py`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.processes import program_keeper
from backend.processes.program_keeper import descendants, process_table

__all__ = ["Kept", "descendants", "process_table"]

SCRIPT = str(Path(program_keeper.__file__).resolve())


class Kept:
    """A running program that cannot outlive this process.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments; they are visible to every user of the machine.
    env : mapping, optional
        The program's whole environment; by default that of this process.
    grace : float
        Seconds between SIGTERM and SIGKILL in `terminate`.
    umask : int
        For files that the program makes; -1 keeps that of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        grace: float = 10.0,
        umask: int = -1,
    ) -> None:
        self.grace = grace
        self._pid: int | None = None
        self._status: int | None = None
        self._said = b""
        self._line, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), str(grace), *command]
            # A session of its own: the terminal's Ctrl-C reaches us only, and we end things in order.
            self._keeper = subprocess.Popen(  # noqa: S603
                # Isolated and without site-packages: it starts sooner, and no variable or file of the
                # user's leads it astray.
                [sys.executable, "-I", "-S", SCRIPT, *arguments],
                env=None if env is None else dict(env),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                umask=umask,
            )

    def fileno(self) -> int:
        """Return what `select` watches: it becomes readable when the program has ended."""
        return self._line.fileno()

    @property
    def pid(self) -> int | None:
        """The program's own process id; None until the keeper has started it."""
        self._listen(0)
        return self._pid

    def poll(self) -> int | None:
        """Return the program's exit code, -N for signal N, or None while it or a descendant runs."""
        if self._status is None:
            self._listen(0)
            if self._keeper.poll() is not None:
                # Its last words may have come between the first look and its end.
                self._listen(0)
                self._settle(self._keeper.returncode)
        return self._status

    def wait(self, timeout: float) -> int | None:
        """Return the exit code as soon as everything has ended; None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.poll() is None and (left := deadline - time.monotonic()) > 0:
            if not self._listen(min(left, 0.05)):
                time.sleep(0.005)
        return self._status

    def terminate(self) -> None:
        """Ask the program to end (SIGTERM); after the grace time the whole tree gets SIGKILL."""
        self._say(b"T")

    def kill(self) -> None:
        """End the whole tree now (SIGKILL)."""
        self._say(b"K")

    def end(self, patience: float = 5.0) -> int:
        """Terminate, wait, and return the exit code; nothing of the tree is left afterwards."""
        self.terminate()
        if self.wait(self.grace + patience) is None:
            self._keeper.kill()
        self._keeper.wait()
        return self.poll() or 0

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._line.send(word)

    def _listen(self, timeout: float) -> bool:
        """Take in what the keeper said; return whether the line is still open."""
        if self._line.fileno() < 0:
            return False
        while select.select([self._line], [], [], timeout)[0]:
            try:
                heard = self._line.recv(4096)
            except ConnectionError:
                heard = b""
            if not heard:
                return False
            self._said += heard
            timeout = 0
        self._pid = self._told(b"pid")
        return True

    def _told(self, word: bytes) -> int | None:
        """Return the number that the keeper said after `word`."""
        lines = (line.split() for line in self._said.splitlines(keepends=True) if line.endswith(b"\n"))
        return next((int(value) for key, value in lines if key == word), None)

    def _settle(self, keeper_code: int) -> None:
        told = self._told(b"exit")
        self._status = keeper_code if told is None else told
        if told is None:
            # The keeper was killed itself: the program shares its process group, and on Linux died with it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._keeper.pid, signal.SIGKILL)
        self._line.close()
