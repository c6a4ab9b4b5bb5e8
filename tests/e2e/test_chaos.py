"""Several users, several projects, two workers, and somebody who kills and stops processes at random.

The far side is the fake, which logs every request; `clean-al serve` is the real tree of processes. What must
hold is said in docs/reliability.md.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from redis import Redis
from redis.exceptions import RedisError

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import round_queue
from backend.loop.publish import VERSION_PREFIX
from tests.e2e.conftest import MakeLoop
from tests.e2e.loop_runner import Loop, is_alive, wait_for
from tests.e2e.projects import Annotator, make_text_project
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost
from tests.fakes.label_studio import FakeLabelStudio

PROJECTS, TASKS = 3, 400
SECONDS = 40.0
LEASE = 2.0


@pytest.fixture(scope="module")
def label_studio() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as fake:
        yield fake


@pytest.fixture(scope="module")
def loop(make_loop: MakeLoop, label_studio: FakeLabelStudio) -> Loop:
    """A loop with two workers and a short lease."""
    return make_loop(label_studio, CLEAN_AL_WORKERS="2", CLEAN_AL_LEASE=f"{LEASE:g}")


@pytest.fixture(scope="module")
def admin(label_studio: FakeLabelStudio) -> LabelStudio:
    return LabelStudio(label_studio.url, label_studio.token)


@pytest.fixture(scope="module")
def first(label_studio: FakeLabelStudio) -> Annotator:
    return Annotator(label_studio.url, label_studio.token)


@pytest.fixture(scope="module")
def second(label_studio: FakeLabelStudio) -> Annotator:
    return Annotator(label_studio.url, label_studio.add_user())


def fence_of(version: str) -> int:
    """Return the fence that a version's name begins with."""
    found = re.match(rf"{VERSION_PREFIX}(\d+)-", version)
    assert found, version
    return int(found[1])


@dataclass
class Watch:
    """Looks at what is published, waits in the queue and lives, as often as it can."""

    loop: Loop
    projects: list[int]
    fences: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    most_pending: int = 0
    pids: set[int] = field(default_factory=set)

    def look(self) -> None:
        self.pids |= self.loop.tree()
        for project in self.projects:
            published = self.loop.published(project)
            if published is not None and published.fence not in self.fences[project][-1:]:
                self.fences[project].append(published.fence)
        with suppress(RedisError, AssertionError):
            self.most_pending = max(self.most_pending, *pending(self.loop.redis(), self.projects))


def pending(redis: Redis, projects: list[int]) -> list[int]:
    """Return how many rounds of each project wait in the queue."""
    queue = round_queue(redis)
    ids = [*queue.job_ids, *queue.scheduled_job_registry.get_job_ids()]
    asked = [
        job.args[0] for job in queue.job_class.fetch_many(ids, redis, serializer=queue.serializer) if job
    ]
    return [asked.count(project) for project in projects]


class Nemesis:
    """Does harm to one process after another."""

    def __init__(self, loop: Loop, rng: random.Random):
        self._loop, self._rng = loop, rng
        self.done: dict[str, int] = defaultdict(int)

    def strike(self) -> None:
        name = self._rng.choice(["worker", "worker", "horse", "pause", "pause", "valkey", "poll", "web"])
        getattr(self, f"_{name}", lambda: self._loop.kill(self._loop.child(name)))()
        self.done[name] += 1

    def _worker(self) -> None:
        self._loop.kill(*self._loop.worker_and_forks())

    def _horse(self) -> None:
        self._loop.kill(self._loop.horse())

    def _pause(self) -> None:
        """Stop a round for longer than its lease; another worker takes the project over; let it go on."""
        with suppress(AssertionError):
            horse = wait_for("a round runs", self._loop.horse, within=3)
            self._loop.pause(horse)
            time.sleep(1.8 * LEASE)
            self._loop.resume(horse)


def label_for(users: list[Annotator], projects: list[int], stop: threading.Event, seed: int) -> int:
    """Let users label what they are served until told to stop; return how many answers were taken."""
    rng, taken = random.Random(seed), 0
    while not stop.wait(rng.uniform(0.0, 0.15)):
        rng.choice(users).label_next(rng.choice(projects))
        taken += 1
    return taken


def test_whatever_is_killed_or_stopped_every_answer_is_learned_and_served_in_order(
    loop: Loop,
    admin: LabelStudio,
    first: Annotator,
    second: Annotator,
    label_studio: FakeLabelStudio,
    capsys: pytest.CaptureFixture[str],
) -> None:
    projects = [
        loop.connected(make_text_project(admin, TASKS, title=f"chaos {i}", seed=i)) for i in range(PROJECTS)
    ]
    watch, nemesis, stop = Watch(loop, projects), Nemesis(loop, random.Random(1)), threading.Event()
    taken: list[int] = []
    labeler = threading.Thread(target=lambda: taken.append(label_for([first, second], projects, stop, 7)))
    watcher = threading.Thread(target=lambda: _watch(watch, stop))
    for thread in (labeler, watcher):
        thread.start()
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        time.sleep(nemesis._rng.uniform(1.0, 3.0))
        nemesis.strike()
    stop.set()
    for thread in (labeler, watcher):
        thread.join()
    calm = time.monotonic()
    for project in projects:
        assert_nothing_is_lost(loop, project)
    settled = time.monotonic() - calm

    # No annotation is lost: the fake knows as many as were answered with success.
    assert sum(admin.counts(project).annotations for project in projects) == taken[0]
    for project in projects:
        assert_few_predictions(loop, project)
        _assert_versions_only_grow(loop, watch, project)
    redis = loop.redis()
    wait_for("nothing waits any more", lambda: sum(pending(redis, projects)) == 0)
    rounds = sum(len(watch.fences[project]) for project in projects)
    with capsys.disabled():
        strikes = ", ".join(f"{name} {n}" for name, n in sorted(nemesis.done.items()))
        print(
            f"\n[chaos] {taken[0]} annotations, {rounds} rounds published, strikes: {strikes}; at rest "
            f"{settled:.1f} s after the last; at most {watch.most_pending} rounds of a project waited"
        )
    assert rounds < taken[0]
    assert watch.most_pending <= 3
    watch.look()
    assert loop.stop() == 0
    assert [pid for pid in watch.pids if is_alive(pid)] == []
    loop.start()


def _watch(watch: Watch, stop: threading.Event) -> None:
    while not stop.wait(0.02):
        watch.look()


def _assert_versions_only_grow(loop: Loop, watch: Watch, project: int) -> None:
    """The published fence never went back, and every stored model is whole."""
    seen = watch.fences[project]
    assert seen == sorted(seen), seen
    fences = [fence_of(name) for name in loop.store.versions(project)]
    assert len(fences) == len(set(fences))
    for name in loop.store.versions(project):
        assert loop.store.load(project, name).facts["version"] == name


def test_a_round_that_slept_past_its_lease_publishes_nothing(
    loop: Loop, admin: LabelStudio, first: Annotator, label_studio: FakeLabelStudio
) -> None:
    project = loop.connected(make_text_project(admin, 50, title="asleep", seed=9))
    for _ in range(5):
        first.label_next(project)
    assert_nothing_is_lost(loop, project)
    # The round that comes now waits as it reads the project's options, which none but rounds do; there it
    # is stopped.
    label_studio.fail("slow", path="/api/ml", method="GET", seconds=3.0)
    begun = len(label_studio.seen("GET", "/api/ml"))
    first.label_next(project)
    wait_for("a round reads the options", lambda: len(label_studio.seen("GET", "/api/ml")) > begun)
    horse = wait_for("its process is seen", loop.horse)
    asleep = int(loop.redis().get(f"clean-al:fence:{project}") or 0)
    loop.pause(horse)
    first.label_next(project)
    later = wait_for("another worker publishes", lambda: _published_after(loop, project, asleep))
    loop.resume(horse)
    wait_for("the sleeper has ended", lambda: not is_alive(horse))
    assert_nothing_is_lost(loop, project)
    assert fence_of(loop.published(project).version) >= later  # type: ignore[union-attr]
    assert asleep not in _fences_written(label_studio, project)
    assert_few_predictions(loop, project)


def _published_after(loop: Loop, project: int, fence: int) -> int:
    published = loop.published(project)
    return published.fence if published is not None and published.fence > fence else 0


def _fences_written(label_studio: FakeLabelStudio, project: int) -> set[int]:
    """Return the fences of all rounds that ever wrote predictions or switched to them."""
    written = [
        one.body[0]["model_version"]
        for one in label_studio.seen("POST", f"/api/projects/{project}/import/predictions")
    ]
    switched = [
        one.body["model_version"]
        for one in label_studio.seen("PATCH", f"/api/projects/{project}/")
        if "model_version" in one.body
    ]
    # Connecting clears the model version that it finds; that is of no round.
    return {fence_of(version) for version in [*written, *switched] if version}
