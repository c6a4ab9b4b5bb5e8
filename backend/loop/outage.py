"""Whether Label Studio is away, and that it is back: one small question for all projects, every few seconds.

Without it each project would find out for itself, at the end of pauses that have grown to minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_BETWEEN = 2.0


@dataclass
class Outage:
    """Asks while something fails; a project at whose calls alone Label Studio fails is no outage.

    Parameters
    ----------
    answers : whether Label Studio answers now; asked in a thread of its own, for it may be silent
    """

    answers: Callable[[], bool]
    is_on: bool = False
    _suspected: bool = False
    _asked_at: float = float("-inf")
    _asking: threading.Thread | None = None
    _found: bool | None = None

    def suspect(self) -> None:
        """Note that something has failed."""
        self._suspected = True

    def has_ended(self) -> bool:
        """Whether Label Studio was away and answers again; said once. Never waits."""
        # A silent Label Studio is asked once, and not once more at each tick.
        if self._asking is not None and self._asking.is_alive():
            return False
        found, self._found = self._found, None
        was_on = self.is_on
        if found is not None:
            self.is_on, self._suspected = not found, False
        if self._suspected or self.is_on:
            self._ask()
        return was_on and found is True

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked_at < SECONDS_BETWEEN:
            return
        self._asked_at = now

        def ask() -> None:
            self._found = self.answers()

        # A daemon: at the end nobody waits for who is silent.
        self._asking = threading.Thread(target=ask, name="outage", daemon=True)
        self._asking.start()
