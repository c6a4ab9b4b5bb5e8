"""A round that is outlived by another one. Harm at random is done in tests/chaos.

The far side is the fake, which logs every request; `clean-al serve` is the real tree of processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.publish import VERSION_PREFIX
from tests.e2e.conftest import MakeLoop
from tests.e2e.loop_runner import Loop, is_alive, wait_for
from tests.e2e.projects import Annotator, make_text_project
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost
from tests.fakes.label_studio import FakeLabelStudio

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


def fence_of(version: str) -> int:
    """Return the fence that a version's name begins with."""
    found = re.match(rf"{VERSION_PREFIX}(\d+)-", version)
    assert found, version
    return int(found[1])


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
