"""Harm done by Label Studio: away, slow, broken answers, an old backup, a project that is another one."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.chaos.place import FOR_THE_LOOP, MOST_TASKS, Place


def down(place: Place, rng: random.Random) -> None:
    place.fake.stop()
    try:
        time.sleep(rng.uniform(0.5, 6))
    finally:
        place.fake.start()


def slow(place: Place, rng: random.Random) -> None:
    _fail(place, rng, "slow", seconds=rng.uniform(0.5, 3))


def resetting(place: Place, rng: random.Random) -> None:
    _fail(place, rng, rng.choice(["reset", "drop"]))


def truncated(place: Place, rng: random.Random) -> None:
    _fail(place, rng, rng.choice(["truncate", "garbage"]))


def answers_500(place: Place, rng: random.Random) -> None:
    _fail(place, rng, "status", status=rng.choice([500, 502, 503]))


def answers_401(place: Place, rng: random.Random) -> None:
    """The token is refused in mid-run."""
    _fail(place, rng, "status", status=401)


def _fail(place: Place, rng: random.Random, kind: str, **more: Any) -> None:
    place.fake.fail(kind, path=FOR_THE_LOOP, times=rng.choice([1, 3, 10]), **more)
    time.sleep(rng.uniform(0.5, 2))


def restored(place: Place, rng: random.Random) -> None:
    """A backup of some seconds ago is put back: what was said since is gone, and ids are given again."""
    with place.fake.lock:
        backup = place.fake.world.backup()
    time.sleep(rng.uniform(1, 4))
    with place.fake.lock:
        place.fake.world.restore(backup)


def made_anew(place: Place, rng: random.Random) -> None:
    """The project with the most tasks is deleted in mid-run, and another one made."""
    sizes = {project: len(place.fake.world.tasks_of(project)) for project in place.projects}
    largest = max(sizes, key=lambda project: sizes[project])
    if sizes[largest] > MOST_TASKS or rng.random() < 0.5:
        place.remove_project(largest)
        # Whoever makes the new one is no part of what is tried.
        place.heal()
        place.add_project()


HARMS = {
    "Label Studio down": down,
    "Label Studio slow": slow,
    "Label Studio resets": resetting,
    "Label Studio truncates": truncated,
    "Label Studio answers 500": answers_500,
    "Label Studio answers 401": answers_401,
    "Label Studio restored": restored,
    "project made anew": made_anew,
}
