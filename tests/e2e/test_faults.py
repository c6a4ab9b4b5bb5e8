"""Kills, pauses and outages while people label: nothing is lost, and the served order stays whole."""

from __future__ import annotations

import random
import time
from itertools import cycle

import pytest

from backend.label_studio.client import LabelStudio
from tests.e2e.loop_runner import Loop, is_alive, wait_for
from tests.e2e.projects import Annotator, make_text_project
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost

KILLS = 6


@pytest.fixture(scope="module")
def project(loop: Loop, admin: LabelStudio) -> int:
    """A connected project whose rounds take long enough to be killed in."""
    return loop.connected(make_text_project(admin, 3000, title="many topics"))


def label(users: list[Annotator], project: int, n: int) -> None:
    """Let users label `n` tasks in turn."""
    for user, _ in zip(cycle(users), range(n), strict=False):
        user.label_next(project)


def wait_for_new(loop: Loop, name: str, before: int | None) -> None:
    """Wait until a dead child of the tree has been started again."""
    wait_for(f"{name} runs again", lambda: loop.child(name) not in (None, before))


def test_kills_of_worker_and_horse_in_mid_round_lose_nothing(
    loop: Loop, first: Annotator, second: Annotator, project: int
) -> None:
    rng, kills = random.Random(0), 0
    while kills < KILLS:
        label([first, second], project, 2)
        wait_for("a round runs", lambda: loop.progress(project).running_since is not None and loop.horse())
        time.sleep(rng.uniform(0.0, 1.2))
        kills += loop.progress(project).running_since is not None
        worker, *forked = loop.worker_and_forks()
        loop.kill(worker, *forked)
        wait_for_new(loop, "worker", worker)
    assert_nothing_is_lost(loop, project)
    assert_few_predictions(loop, project)


def test_a_killed_horse_alone_is_replaced(loop: Loop, first: Annotator, project: int) -> None:
    worker = loop.child("worker")
    label([first], project, 1)
    horse = wait_for("a round runs", loop.horse)
    loop.kill(horse)
    wait_for("the horse is gone", lambda: not is_alive(horse))
    assert_nothing_is_lost(loop, project)
    assert loop.child("worker") == worker


def test_a_kill_of_valkey_while_people_label_loses_nothing(
    loop: Loop, first: Annotator, second: Annotator, project: int
) -> None:
    for _ in range(3):
        label([first, second], project, 2)
        valkey = loop.child("valkey")
        loop.kill(valkey)
        label([first, second], project, 2)
        wait_for_new(loop, "valkey", valkey)
    assert_nothing_is_lost(loop, project)
    assert_few_predictions(loop, project)


def test_events_while_the_web_process_is_dead_are_found_by_the_poll(
    loop: Loop, first: Annotator, second: Annotator, project: int
) -> None:
    web = loop.child("web")
    loop.kill(web)
    label([first, second], project, 2)
    wait_for_new(loop, "web", web)
    assert_nothing_is_lost(loop, project)


def test_a_kill_of_serve_itself_leaves_nothing_behind_and_loses_nothing(
    loop: Loop, first: Annotator, second: Annotator, project: int
) -> None:
    label([first, second], project, 2)
    tree = loop.tree()
    loop.kill_serve()
    wait_for("the whole tree is gone", lambda: not any(is_alive(pid) for pid in tree))
    label([first, second], project, 2)
    loop.start()
    assert_nothing_is_lost(loop, project)
