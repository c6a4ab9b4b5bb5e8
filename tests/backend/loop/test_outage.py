"""When Label Studio is back, what failed meanwhile is tried at once; on a real Valkey."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from backend.loop import outage
from backend.loop.outage import Outage
from backend.loop.poller import Poller
from backend.services import Services
from backend.store.files import write_json
from backend.store.progress import ProgressFile
from tests.backend.loop.test_jobs import waiting
from tests.fakes.label_studio import FakeLabelStudio


@pytest.fixture(autouse=True)
def _ask_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "SECONDS_BETWEEN", 0.0)


@pytest.fixture
def failed(services: Services, project_id: int) -> int:
    """A connected project whose next attempt is minutes away."""
    folder = services.store.folder(project_id)
    write_json(folder / "connection.json", {"webhook_id": 1})
    for _ in range(8):
        ProgressFile(folder).fail("Label Studio does not answer")
    return project_id


def tick_until(poll: Poller, true: Callable[[], bool], seconds: float = 20.0) -> bool:
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        poll.tick()
        time.sleep(0.02)
    return true()


def test_what_failed_while_label_studio_was_away_is_tried_as_soon_as_it_is_back(
    fake: FakeLabelStudio, services: Services, failed: int
) -> None:
    poll = Poller(services)
    fake.stop()
    try:
        assert tick_until(poll, lambda: poll._outage.is_on)
        assert waiting(services) == 0
    finally:
        fake.start()
    assert tick_until(poll, lambda: waiting(services) == 1)


def test_where_it_fails_at_one_project_only_the_pauses_stay(
    fake: FakeLabelStudio, services: Services, failed: int
) -> None:
    fake.fail("status", path=rf"/api/projects/{failed}/.*", times=math.inf)
    poll = Poller(services)
    asked = tick_until(poll, lambda: len(fake.seen("GET", "/health")) >= 3)
    assert asked
    assert waiting(services) == 0


def test_who_does_not_answer_the_question_is_not_waited_for() -> None:
    asked: list[int] = []

    def silent() -> bool:
        asked.append(1)
        time.sleep(0.2)
        return len(asked) > 1

    one = Outage(silent)
    one.suspect()
    found = []
    ends = time.monotonic() + 10
    while not any(found) and time.monotonic() < ends:
        begun = len(asked)
        found.append(one.has_ended())
        assert len(asked) <= begun + 1
        time.sleep(0.01)
    assert len(asked) == 2
    assert not any(one.has_ended() for _ in range(5))
