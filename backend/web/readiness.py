"""Whether all that a round needs is there: the queue, a worker, Label Studio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.errors import BackendError
from backend.label_studio.client import LabelStudio
from backend.settings import Settings
from backend.web.watch import Look

# Anyone may ask, so the answer is good for a moment: nobody can keep Label Studio busy through us.
GOOD_FOR = 2.0
PATIENCE = 2.0

Checks = dict[str, str]
UP = "up"


@dataclass
class Readiness:
    """Asks the queue, the workers and Label Studio, at most once in a few seconds.

    Parameters
    ----------
    look : returns what Redis says
    """

    settings: Settings
    look: Callable[[], Look]
    _asked_at: float = -GOOD_FOR
    _last: Checks = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def checks(self) -> Checks:
        """Return "up" or "down" for each part; why is for those with a login to read, and for `doctor`."""
        # Who comes while somebody asks gets the last answer: anyone may ask, and those who wait for a silent
        # Label Studio would hold all threads that pages are answered by.
        if not self._lock.acquire(blocking=not self._last):
            return dict(self._last)
        try:
            if time.monotonic() - self._asked_at >= GOOD_FOR:
                self._last = self._ask()
                self._asked_at = time.monotonic()
            return dict(self._last)
        finally:
            self._lock.release()

    def _ask(self) -> Checks:
        seen = self.look()
        return {
            "queue": _said(seen.waiting is not None),
            "workers": _said(seen.alive.workers > 0),
            "label_studio": _said(_answers(self._label_studio)),
        }

    def _label_studio(self) -> str:
        key = self.settings.api_key
        return LabelStudio(self.settings.label_studio_url, key, timeout=PATIENCE, retries=0).version()


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except BackendError:
        return False
    return True


def _said(up: bool) -> str:
    return UP if up else "down"
