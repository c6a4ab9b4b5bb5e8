"""Leaves a place alone for a while that has not answered several times in a row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.errors import MediaError

FAILURES = 4
SECONDS = 60.0


@dataclass
class _Place:
    failures: int = 0
    until: float = 0.0


class Breaker:
    """Counts failures by place; threads may share it.

    Without it a host that is down would cost a timeout for each of a hundred thousand tasks.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    @contextmanager
    def watch(self, name: str, reason: str, *, by_hand: bool = False) -> Iterator[None]:
        """Do what is within, unless the place has failed too often just now.

        Raises
        ------
        MediaError
            With the reason, without trying.
        """
        with self._lock:
            place = self._places.setdefault(name, _Place())
            if place.until > time.monotonic():
                raise MediaError(reason, later=True, silent=True, by_hand=by_hand)
        try:
            yield
        except MediaError as error:
            self._note(place, failed=error.silent)
            raise
        self._note(place, failed=False)

    def _note(self, place: _Place, failed: bool) -> None:
        with self._lock:
            place.failures = place.failures + 1 if failed else 0
            if place.failures >= FAILURES:
                # From nought again: after the pause one more failure is no row.
                place.failures, place.until = 0, time.monotonic() + SECONDS
