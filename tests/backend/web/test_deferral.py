"""Redis is down: the annotator does not wait and nothing is lost."""

from __future__ import annotations

import threading
import time

import pytest

from backend.errors import QueueUnavailable
from backend.web.deferral import DeferredMarks, Outcome
from backend.web.state import web_state
from tests.backend.web.conftest import WITH_SECRET

EVENT = {"action": "ANNOTATION_CREATED"}


def wait_until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def marks(marker):
    deferred = DeferredMarks(marker, interval=0.01)
    yield deferred
    deferred.close()


def test_with_redis_down_a_webhook_is_taken_and_says_that_it_waits(app_for, marker):
    app = app_for()
    marker.down = True
    answer = app.test_client().post("/webhook/3", json=EVENT, headers=WITH_SECRET)
    assert (answer.status_code, answer.json) == (202, {"project": 3, "queued": False})
    assert web_state(app).marks.projects == (3,)
    web_state(app).marks.close()


def test_what_waited_is_handed_over_once_per_project_when_redis_is_back(marks, marker):
    marker.down = True
    assert [marks.mark(project, "ANNOTATION_CREATED") for project in (1, 2, 1, 1)] == [Outcome.DEFERRED] * 4
    marker.down = False
    wait_until(lambda: not marks.projects and len(marker.marks) == 2)
    assert sorted(project for project, _ in marker.marks) == [1, 2]


def test_after_the_hand_over_marks_go_straight_to_redis_again(marks, marker):
    marker.down = True
    marks.mark(1, "a")
    marker.down = False
    wait_until(lambda: marks.mark(2, "b") is Outcome.QUEUED)
    assert marks.projects == ()
    marker.down = True
    assert marks.mark(3, "c") is Outcome.DEFERRED
    marker.down = False
    wait_until(lambda: (3, "c") in marker.marks)


def test_while_redis_is_down_requests_do_not_try_it_again(marker):
    marks = DeferredMarks(marker, interval=60)
    marker.down = True
    for project in range(100):
        marks.mark(project, "a")
    assert marker.calls == 1
    assert len(marks.projects) == 100
    marks.close()


def test_a_change_during_the_hand_over_is_kept(marker):
    """Project 1 changes again exactly while its earlier mark is on the way."""
    started, go_on = threading.Event(), threading.Event()

    class SlowMarker:
        def __init__(self):
            self.down = True
            self.marks = []

        def mark_dirty(self, project_id, reason):
            if self.down:
                raise QueueUnavailable("down")
            started.set()
            go_on.wait(10)
            self.marks.append((project_id, reason))

    slow = SlowMarker()
    marks = DeferredMarks(slow, interval=0.01)
    marks.mark(1, "first")
    slow.down = False
    assert started.wait(10)
    assert marks.mark(1, "second") is Outcome.DEFERRED
    go_on.set()
    wait_until(lambda: len(slow.marks) == 2)
    assert slow.marks == [(1, "first"), (1, "second")]
    marks.close()


def test_an_unexpected_error_in_the_hand_over_does_not_end_it(marks, marker, monkeypatch):
    marker.down = True
    marks.mark(1, "a")
    failures = [RuntimeError("odd"), RuntimeError("odd")]
    real = type(marker).mark_dirty

    def flaky(project_id, reason):
        if failures:
            raise failures.pop()
        real(marker, project_id, reason)

    marker.down = False
    monkeypatch.setattr(marker, "mark_dirty", flaky)
    wait_until(lambda: (1, "a") in marker.marks)


def test_no_mark_is_lost_however_often_redis_comes_and_goes(marks, marker):
    expected = set()
    for turn in range(30):
        marker.down = bool(turn % 2)
        threads = [threading.Thread(target=marks.mark, args=(turn * 10 + n, "a")) for n in range(10)]
        expected |= {turn * 10 + n for n in range(10)}
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    marker.down = False
    wait_until(lambda: {project for project, _ in marker.marks} == expected)
