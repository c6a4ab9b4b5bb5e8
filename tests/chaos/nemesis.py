"""Who does harm, chosen by a seed: one strike after another."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from tests.chaos import harm_label_studio, harm_machine, harm_processes
from tests.chaos.history import Strike
from tests.chaos.place import Place

HARMS = harm_processes.HARMS | harm_label_studio.HARMS | harm_machine.HARMS


class Nemesis:
    """Strikes a place; each harm comes as often as any other one.

    Parameters
    ----------
    names : of HARMS
    """

    def __init__(self, place: Place, rng: random.Random, names: Sequence[str]):
        self._place, self._rng, self._names = place, rng, list(names)
        self._next: list[str] = []

    def strike(self) -> Strike:
        """Do harm, wait until it is over, and return what it was."""
        if not self._next:
            self._next = self._rng.sample(self._names, len(self._names))
        name, begun = self._next.pop(), time.monotonic()
        HARMS[name](self._place, self._rng)
        return Strike(name, begun, time.monotonic())


def possible(small_disk: bool) -> list[str]:
    """Return the harms that this machine lets us do."""
    impossible = set() if small_disk else {"full disk"}
    if not harm_processes.can_have_namespaces():
        impossible.add("worker elsewhere")
    return [name for name in HARMS if name not in impossible]
