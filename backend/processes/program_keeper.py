"""The keeper: a script that runs one program and ends its tree, see `backend.processes.keeper`.

One stands beside every program, so it starts quickly and stays small: the standard library, and little of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Sequence

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# After the parent's death nobody waits for an answer: this is for a last flush, not for a round.
ORPHAN_GRACE = 3.0
CANNOT_RUN = 127
# Python ignores the first two, nohup the third, and a shell the last two for a job in the background. An exec
# keeps what is ignored, so a program would start deaf to them.
OFTEN_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


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
    import subprocess  # needed elsewhere than on Linux only, and a third of the keeper's size

    with subprocess.Popen(["/bin/ps", "-axo", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
        rows = [tuple(map(int, line.split())) for line in ps.communicate()[0].splitlines()]
    return [(pid, parent) for pid, parent in rows if pid != ps.pid]


def _prctl(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Keeper:
    """One program, one lifeline."""

    def __init__(self, line: int, grace: float, command: Sequence[str]) -> None:
        self._line, self._grace, self._command = line, grace, command
        self._parent = os.getppid()
        self._status: int | None = None
        self._deadline: float | None = None
        self._tree: set[int] = set()
        # The program must not hold the line open: its closing tells the parent that we are gone.
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
        # The program has ended; what it left running must not outlive it.
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
            # The keeper may have died before the kernel was told to see to it.
            if os.getppid() != keeper:
                os._exit(CANNOT_RUN)
            for number in OFTEN_IGNORED:
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
        # The second is for a parent whose end of the line lives on in a child that it forked.
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
    sys.exit(Keeper(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]).run())
