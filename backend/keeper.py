"""Runs one program, and ends it with all of its descendants when asked or when whoever asked is gone.

    parent --- lifeline (a socket pair) --- keeper --- program --- its own children

A keeper is a small process between a parent and a program. The kernel closes the parent's end of the
lifeline however the parent dies, so the keeper sees a `kill -9` too; that holds on Linux and macOS, and for a
program started in any thread (PR_SET_PDEATHSIG alone fires when the starting *thread* ends). On Linux the
keeper also adopts orphans of the program, among them an RQ work horse, which lives in a session of its own
and is out of reach for a signal to the process group.

`Kept` is the parent's side. Run as a script, this file is the other side, with the standard library alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# After the parent's death nobody waits for an answer: this is for a last flush, not for a round.
ORPHAN_GRACE = 3.0
CANNOT_RUN = 127


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
                [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *arguments],
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


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Let the kernel send this process a signal when the thread that started it ends (Linux only)."""
    _prctl(PR_SET_PDEATHSIG, number)


def descendants(root: int, table: Sequence[tuple[int, int]] | None = None) -> set[int]:
    """Return the process ids of all descendants of `root`, zombies included."""
    children: dict[int, list[int]] = {}
    for pid, parent in process_table() if table is None else table:
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    level = [root]
    while level:
        level = [pid for parent in level for pid in children.get(parent, []) if pid not in found]
        found.update(level)
    return found


def process_table() -> list[tuple[int, int]]:
    """Return (process id, parent's id) of every process."""
    if not LINUX:
        return _table_from_ps()
    table = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as stat:
            # The command name stands in brackets and may hold anything, brackets included.
            table.append((int(name), int(stat.read().rpartition(")")[2].split()[1])))
    return table


def _table_from_ps() -> list[tuple[int, int]]:
    with subprocess.Popen(["/bin/ps", "-axo", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
        rows = [tuple(map(int, line.split())) for line in ps.communicate()[0].splitlines()]
    return [(pid, parent) for pid, parent in rows if pid != ps.pid]


def _prctl(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class _Keeper:
    """The keeper's own process: one program, one lifeline."""

    def __init__(self, line: int, grace: float, command: Sequence[str]) -> None:
        self._line, self._grace, self._command = line, grace, command
        self._parent = os.getppid()
        self._status: int | None = None
        self._deadline: float | None = None
        self._tree: set[int] = set()
        os.set_inheritable(line, False)
        self._wakeup, writer = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def run(self) -> int:
        """Return the program's exit code once nothing of its tree is left."""
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._pid = self._spawn()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._begin_end(self._grace))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._say(f"pid {self._pid}\n")
        while self._reap() is None:
            self._wait()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._kill_tree()
        self._kill_tree()
        self._say(f"exit {self._status}\n")
        return self._status if self._status is not None and self._status >= 0 else 1

    def _spawn(self) -> int:
        keeper = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            die_with_parent()
            if os.getppid() != keeper:
                os._exit(CANNOT_RUN)
            # Python ignores the first two and an owner under nohup the third: an exec would keep that.
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(self._command[0], list(self._command))  # noqa: S606
        except OSError as error:
            os.write(2, f"cannot run {self._command[0]}: {error.strerror}\n".encode())
        os._exit(CANNOT_RUN)

    def _wait(self) -> None:
        """Sleep until something happens, at most a second, and do what the parent says."""
        left = 1.0 if self._deadline is None else max(0.0, min(1.0, self._deadline - time.monotonic()))
        watched = [self._wakeup] if self._line < 0 else [self._wakeup, self._line]
        readable = select.select(watched, [], [], left)[0]
        if self._wakeup in readable:
            os.read(self._wakeup, 4096)
        word = self._hear() if self._line in readable else None
        if word == b"T":
            self._begin_end(self._grace)
        elif word == b"K":
            self._begin_end(0)
        elif word == b"" or os.getppid() != self._parent:
            self._line = -1
            self._begin_end(min(self._grace, ORPHAN_GRACE))

    def _hear(self) -> bytes:
        try:
            return os.read(self._line, 1)
        except ConnectionError:
            return b""

    def _begin_end(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        first = self._deadline is None
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)
        if first:
            self._remaining()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)

    def _kill_tree(self) -> None:
        """Kill every descendant again and again until none is left: a dying one may still fork."""
        give_up = time.monotonic() + 5
        while (alive := self._remaining()) and time.monotonic() < give_up:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._reap()
            time.sleep(0.005)

    def _remaining(self) -> set[int]:
        table = process_table()
        below = descendants(os.getpid(), table)
        # Without a subreaper (macOS) grandchildren are out of sight once the program has ended.
        self._tree = below if LINUX else below | (self._tree & {pid for pid, _ in table})
        return self._tree

    def _reap(self) -> int | None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == self._pid:
                    self._status = os.waitstatus_to_exitcode(ended[1])
        return self._status

    def _say(self, words: str) -> None:
        if self._line >= 0:
            with contextlib.suppress(OSError):
                os.write(self._line, words.encode())


if __name__ == "__main__":
    sys.exit(_Keeper(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]).run())
