"""What Redis says of the queue and of who is alive: asked once for all who want to know it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

from backend.errors import SettingsError
from backend.loop.heartbeat import Alive, ask_alive
from backend.services import Services

# A heartbeat comes every 3 s, so who asks more often hears the same again.
GOOD_FOR = 2.0


@dataclass(frozen=True)
class Look:
    """What was seen at one time.

    Attributes
    ----------
    waiting : rounds that wait for a worker; None where the queue does not answer
    """

    alive: Alive
    waiting: int | None = None


class QueueWatch:
    """Asks Redis when somebody wants to know and the last answer has aged; threads share it.

    Parameters
    ----------
    ask : returns what Redis says; may take a fraction of a second
    """

    def __init__(self, ask: Callable[[], Look], good_for: float = GOOD_FOR):
        self._ask, self._good_for = ask, good_for
        self._last: Look | None = None
        self._answered_at = -good_for
        self._asking = threading.Lock()

    def alive(self) -> Alive | None:
        """Return who was alive when last heard, at once; None before there is an answer."""
        # Beside the request: a page must not wait for a Redis that hangs.
        if self._is_old() and not self._asking.locked():
            threading.Thread(target=self.now, name="who-is-alive", daemon=True).start()
        return self._last.alive if self._last is not None else None

    def now(self) -> Look:
        """Return an answer of the last moments; wait for one where there is none."""
        with self._asking:
            # Looked at with the lock in hand: who has waited for another's question takes its answer.
            if self._last is None or self._is_old():
                self._last = self._ask()
                self._answered_at = time.monotonic()
            return self._last

    def _is_old(self) -> bool:
        return time.monotonic() - self._answered_at >= self._good_for


def look(services: Services) -> Look:
    """Return what Redis says now, within a fraction of a second."""
    from backend.loop.jobs import round_queue  # the queue is heavy, and an app may never be asked

    alive = ask_alive(services)
    if alive.problem is not None:
        # It has been waited for once already.
        return Look(alive)
    try:
        return Look(alive, len(round_queue(services.impatient_redis)))
    except (RedisError, SettingsError, OSError):
        return Look(alive)
