"""Several programs as one: started in order, started anew when they die, ended in order, none left behind."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from backend.processes.keeper import Kept

log = logging.getLogger(__name__)

FIRST_BACKOFF = 0.25
# Others wait for what is down: however often it dies, it is back within seconds.
LONGEST_BACKOFF = 4.0
# A child that lived this long was well: its next death is a new story.
WELL_AFTER = 5.0
# The exit code of all our commands for wrong usage or settings, which no new start can mend.
WRONG_SETTINGS = 2
# So often may a child die before it is ready for the first time.
MOST_FIRST_LIVES = 3
READY_STEP = 0.05


def stop_signals() -> list[signal.Signals]:
    """Return the signals that end us: SIGINT, SIGTERM, and SIGHUP unless somebody wants it ignored.

    `nohup` means what it says. An ignored SIGINT means nothing: a shell does that to every job that it starts
    in the background, and who sends one to such a job all the same wants it to end.
    """
    hang_up = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hang_up]


@dataclass(frozen=True)
class Child:
    """One program of the tree.

    Parameters
    ----------
    name : str
        What the log calls it.
    command : sequence of str, or callable that returns a `Kept`
        How it is started, and started again.
    env : mapping
        Added to this process's environment.
    stop_rank : int
        Children of a lower rank end first; those of one rank together.
    grace : float
        Seconds between SIGTERM and SIGKILL of its whole tree.
    is_ready : callable, optional
        The next child in the list waits until it returns True.
    ready_within : float
        Seconds until the wait for `is_ready` is given up.
    """

    name: str
    command: Sequence[str] | Callable[[], Kept]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_rank: int = 0
    grace: float = 10.0
    is_ready: Callable[[], bool] | None = None
    ready_within: float = 60.0


class _Running:
    """A child with its present life: the process, or when the next one is due."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.kept: Kept | None = None
        self.pid: int | None = None
        self.due = 0.0
        self.ready = False
        self.lives = 0
        self._first_start = self._started = 0.0
        self._backoff = FIRST_BACKOFF

    def start(self) -> None:
        self._started = time.monotonic()
        self._first_start = self._first_start or self._started
        self.lives += 1
        command = self.child.command
        if callable(command):
            self.kept = command()
        else:
            self.kept = Kept(command, env={**os.environ, **self.child.env}, grace=self.child.grace)

    def start_later(self) -> float:
        """Note when the next start is due, and return the seconds until then."""
        if time.monotonic() - self._started >= WELL_AFTER:
            self._backoff = FIRST_BACKOFF
        pause, self._backoff = self._backoff, min(2 * self._backoff, LONGEST_BACKOFF)
        self.kept, self.pid, self.due = None, None, time.monotonic() + pause
        return pause

    def overdue(self) -> bool:
        return time.monotonic() - self._first_start > self.child.ready_within

    def hopeless(self, code: int) -> bool:
        """Whether it died in a way that a new start would only repeat, for a child that never was ready."""
        return code == WRONG_SETTINGS or (self.child.is_ready is not None and self.lives >= MOST_FIRST_LIVES)


class Supervisor:
    """Keeps a list of children alive until it is told to stop.

    A dead child is started again after 0.25 s, then 0.5 s and so on up to 30 s. SIGINT, SIGTERM and SIGHUP
    end everything in the order of `stop_rank`; a second one ends it at once. When this process is killed, its
    children end all the same (see `backend.processes.keeper`).

    Parameters
    ----------
    children : list of Child
        In the order of their first start.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = [_Running(child) for child in children]
        self._stopping = False
        self._hurry = False
        self._code = 0
        self._bell: socket.socket | None = None
        self._ringer: socket.socket | None = None

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every child that `run` knows to be alive, by name; safe in any thread."""
        return {one.child.name: pid for one in self._children if (pid := one.pid) is not None}

    def run(self, on_ready: Callable[[], None] = lambda: None) -> int:
        """Return 0 after an asked-for end, 1 when a child could not be started; nothing is left behind.

        Parameters
        ----------
        on_ready : callable
            Called once, when every child has been started and is ready.
        """
        announced = False
        with self._doorbell(), self._signals():
            try:
                while not self._stopping:
                    self._collect()
                    self._start_due()
                    if not announced and all(one.ready for one in self._children):
                        announced = True
                        on_ready()
                    self._sleep()
            finally:
                self._end_all()
        return self._code

    def stop(self, code: int = 0) -> None:
        """Let `run` end everything and return `code`; safe in a signal handler and in any thread."""
        # Who calls a second time does not want to wait.
        self._hurry = self._stopping
        self._stopping = True
        self._code = max(self._code, code)
        if (ringer := self._ringer) is not None:
            with suppress(OSError):
                ringer.send(b"!")

    def _start_due(self) -> None:
        now = time.monotonic()
        for one in self._children:
            if self._stopping:
                return
            if one.kept is None and one.due <= now:
                self._start(one)
            # Those after it in the list need it: they wait until it answers.
            if not one.ready and not self._becomes_ready(one):
                return

    def _start(self, one: _Running) -> None:
        try:
            one.start()
        except Exception as error:  # noqa: BLE001 - whatever hinders a start, the others go on
            log.error("%s cannot be started: %s", one.child.name, error)
            one.start_later()
            self._give_up_unless_ready(one)
            return
        log.info("%s started", one.child.name)

    def _becomes_ready(self, one: _Running) -> bool:
        one.pid = one.kept.pid if one.kept is not None else None
        if one.pid is None:
            return False
        one.ready = one.child.is_ready is None or one.child.is_ready()
        if not one.ready and one.overdue():
            log.error("%s is not ready after %g s: giving up", one.child.name, one.child.ready_within)
            self.stop(1)
        return one.ready

    def _collect(self) -> None:
        """Note who has ended, and when to start it again."""
        for one in self._children:
            code = None if one.kept is None else one.kept.poll()
            one.pid = pid = None if one.kept is None else one.kept.pid
            if code is None:
                continue
            pause = one.start_later()
            log.warning(
                "%s (pid %s) ended: %s; starting it again in %g s", one.child.name, pid, _reason(code), pause
            )
            if one.hopeless(code):
                self._give_up_unless_ready(one)

    def _give_up_unless_ready(self, one: _Running) -> None:
        """Before all children are ready, whoever started us is better served by an end than by patience."""
        if not all(other.ready for other in self._children):
            log.error("%s cannot work like this: giving up", one.child.name)
            self.stop(1)

    def _sleep(self) -> None:
        now = time.monotonic()
        pauses = [one.due - now for one in self._children if one.kept is None]
        if not all(one.ready for one in self._children):
            pauses.append(READY_STEP)
        self._listen([one.kept for one in self._children if one.kept is not None], min([5.0, *pauses]))

    def _listen(self, kept: Sequence[Kept], timeout: float) -> None:
        """Sleep until one of `kept` ends or `stop` is called, at most `timeout` seconds."""
        assert self._bell is not None
        # One that has ended has closed its line.
        lines = [one.fileno() for one in kept if one.fileno() >= 0]
        select.select([self._bell.fileno(), *lines], [], [], max(0.0, timeout))
        with suppress(BlockingIOError):
            while self._bell.recv(64):
                pass

    def _end_all(self) -> None:
        longest = max((one.child.grace for one in self._children if one.kept), default=0)
        log.info("ending: each may finish within %g s; a second signal ends it at once", longest)
        for rank in sorted({one.child.stop_rank for one in self._children}):
            self._end([one for one in self._children if one.child.stop_rank == rank])

    def _end(self, group: Sequence[_Running]) -> None:
        living = [(one.child, one.kept) for one in group if one.kept is not None]
        for _, kept in living:
            kept.terminate()
        deadline = time.monotonic() + max((kept.grace for _, kept in living), default=0)
        while any(kept.poll() is None for _, kept in living) and time.monotonic() < deadline:
            if self._hurry:
                for _, kept in living:
                    kept.kill()
            self._listen([kept for _, kept in living if kept.poll() is None], 0.05)
        for child, kept in living:
            log.info("%s (pid %s) ended: %s", child.name, kept.pid, _reason(kept.end()))
        for one in group:
            one.pid = None

    @contextmanager
    def _doorbell(self) -> Iterator[None]:
        """Give `stop` something to wake `run` with."""
        bell, ringer = socket.socketpair()
        with bell, ringer:
            bell.setblocking(False)
            # A full line has rung already, and a signal handler must not wait.
            ringer.setblocking(False)
            self._bell, self._ringer = bell, ringer
            yield

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let the stop signals call `stop`; elsewhere than in the main thread, leave them alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.stop()


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
