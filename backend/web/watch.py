"""Who is alive, as last heard: pages do not wait for Redis to say it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backend.loop.heartbeat import Alive

GOOD_FOR = 2.0


class AliveWatch:
    """Asks who is alive beside the requests, when somebody wants to know and the last answer has aged.

    Parameters
    ----------
    ask : returns who is alive; may take a fraction of a second
    """

    def __init__(self, ask: Callable[[], Alive], good_for: float = GOOD_FOR):
        self._ask, self._good_for = ask, good_for
        self._last: Alive | None = None
        self._asked_at = -good_for
        self._lock = threading.Lock()

    def latest(self) -> Alive | None:
        """Return the last answer at once; None before there is one."""
        with self._lock:
            is_old = time.monotonic() - self._asked_at >= self._good_for
            if is_old:
                self._asked_at = time.monotonic()
        if is_old:
            threading.Thread(target=self.refresh, name="who-is-alive", daemon=True).start()
        return self._last

    def refresh(self) -> None:
        """Ask now."""
        self._last = self._ask()
