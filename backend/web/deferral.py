"""Marks that Redis could not take yet: kept in memory, handed over when it is back."""

from __future__ import annotations

import logging
import threading
from enum import Enum, auto

from backend.errors import QueueUnavailable
from backend.web.collaborators import DirtyMarker

LOG = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a mark: Redis has it, it waits for Redis, or the loop is not on for its project."""

    QUEUED = auto()
    DEFERRED = auto()
    OFF = auto()


class DeferredMarks:
    """Passes marks on to Redis at once, or later when Redis is down; the caller never waits for its return.

    What is kept is lost when the process ends: the reconcile poll finds those changes.

    Parameters
    ----------
    marker : who tells Redis
    interval : seconds between two attempts to hand over
    """

    def __init__(self, marker: DirtyMarker, interval: float = 0.5):
        self._marker = marker
        self._interval = interval
        # By project: however many changes of one wait, they are one mark.
        self._waiting: dict[int, str] = {}
        self._lock = threading.Lock()
        self._down = False
        self._stopped = threading.Event()

    @property
    def projects(self) -> tuple[int, ...]:
        """The projects that wait for Redis."""
        with self._lock:
            return tuple(self._waiting)

    def mark(self, project_id: int, reason: str) -> Outcome:
        """Return what became of the mark; one that Redis cannot take now is handed over later."""
        # Once Redis was found down only the thread tries it: each try may cost a timeout.
        outcome = Outcome.DEFERRED if self._down else self._try(project_id, reason)
        if outcome is Outcome.DEFERRED:
            self._defer(project_id, reason)
        return outcome

    def close(self) -> None:
        """Stop handing over."""
        self._stopped.set()

    def _try(self, project_id: int, reason: str) -> Outcome:
        try:
            is_on = self._marker.mark_dirty(project_id, reason)
        except QueueUnavailable:
            return Outcome.DEFERRED
        return Outcome.QUEUED if is_on else Outcome.OFF

    def _defer(self, project_id: int, reason: str) -> None:
        with self._lock:
            self._waiting[project_id] = reason
            if self._down:
                return
            self._down = True
        LOG.warning("Redis does not answer: changes wait in memory and are handed over when it does")
        # Started here, not in __init__: a thread does not live through the web server's fork.
        threading.Thread(target=self._hand_over_until_done, name="deferred-marks", daemon=True).start()

    def _hand_over_until_done(self) -> None:
        while not self._stopped.wait(self._interval):
            if self._hand_over_all():
                LOG.info("Redis answers again: nothing waits any more")
                return

    def _hand_over_all(self) -> bool:
        while True:
            with self._lock:
                if not self._waiting:
                    self._down = False
                    return True
                # Taken out first: a change that comes while this one is handed over must be kept.
                project_id, reason = self._waiting.popitem()
            if not self._hand_over(project_id, reason):
                return False

    def _hand_over(self, project_id: int, reason: str) -> bool:
        handed_over = False
        try:
            handed_over = self._try(project_id, reason) is not Outcome.DEFERRED
        except Exception as error:  # noqa: BLE001  (this thread is the last one that knows of the change)
            LOG.error("handing over failed with %s; tried again", type(error).__name__)
        if not handed_over:
            with self._lock:
                self._waiting.setdefault(project_id, reason)
        return handed_over
