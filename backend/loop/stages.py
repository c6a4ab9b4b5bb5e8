"""How long each stage of a round took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# In these a round keeps Label Studio busy; in the others it works for itself.
LABEL_STUDIO_STAGES = ("fetch", "write", "switch", "clean")


class Stages:
    """A stopwatch with names; a stage inside another is not counted twice.

    Attributes
    ----------
    seconds : seconds per stage, in the order in which they began
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        self.seconds.setdefault(name, 0.0)
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            self.seconds[name] = round(self.seconds[name] + spent - self._inner.pop(), 4)
            self._inner[-1] += spent
