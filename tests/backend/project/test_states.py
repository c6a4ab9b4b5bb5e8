"""What a project's state is called: what is, not what was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.loop.heartbeat import Alive
from backend.project.overview import project_status
from backend.project.states import NO_POLL, STATES, Facts, problem_of, state_of
from backend.project.times import local_time
from backend.services import Services
from backend.store.connection import Connection, save_connection
from backend.store.insight import Insight, StopAdvice, save_insight
from backend.store.poll_note import PollNote
from backend.store.progress import Progress, ProgressFile
from backend.store.wishes import Pause
from tests.backend.command import Call

UP = Alive(workers=1, polls=1, webs=1)
REPORT: dict[str, Any] = {
    "outcome": "published",
    "tasks": 10,
    "labels": 4,
    "candidates": 6,
    "skipped": 0,
    "has_model": True,
    "questions": [{"name": "topic", "missing": None}],
}
LEARNING = Facts(1, Progress(report=REPORT), connected=True, alive=UP)


def reporting(**changes: Any) -> Facts:
    return replace(LEARNING, progress=Progress(report=REPORT | changes))


CASES = {
    "its connection is damaged": replace(LEARNING, damaged=True),
    "off": replace(LEARNING, connected=False),
    "paused": replace(LEARNING, pause=Pause(1.0), alive=Alive()),
    "the queue does not work": replace(LEARNING, alive=Alive(problem="Redis does not answer: TimeoutError")),
    "no worker runs": replace(LEARNING, progress=Progress(running_since=1.0, report=REPORT), alive=Alive()),
    "not the project that was connected": replace(LEARNING, poll=PollNote("x", 1.0, foreign=True)),
    "gone from label studio": replace(LEARNING, poll=PollNote("x", 1.0, gone=True)),
    "label studio does not answer": replace(LEARNING, poll=PollNote("x", 1.0)),
    "running": replace(LEARNING, progress=Progress(running_since=1.0, report=REPORT)),
    "failing": replace(LEARNING, progress=Progress(failures=2, error="boom", report=REPORT)),
    "waiting for the first round": replace(LEARNING, progress=Progress()),
    "cannot be ordered": reporting(outcome="cannot be ordered", notes=["it has nothing"]),
    "waiting for tasks": reporting(tasks=0, labels=0, candidates=0, has_model=False),
    "finished": reporting(labels=10, candidates=0),
    "only skipped tasks are left": reporting(labels=8, candidates=2, skipped=2),
    "cannot learn": reporting(has_model=False, questions=[{"missing": "learning failed: KeyError: 3"}]),
    "settled": replace(LEARNING, insight=Insight(stop=StopAdvice("stop", "you can stop"))),
    "learning": LEARNING,
    "orders without learning": reporting(has_model=False, questions=[]),
    "waiting for labels": reporting(labels=0, has_model=False, questions=[{"missing": "no labels yet"}]),
}


def test_each_state_has_a_case() -> None:
    assert list(CASES) == [name for name, _ in STATES]


@pytest.mark.parametrize("state", CASES)
def test_a_state_is_called_by_what_holds(state: str) -> None:
    assert state_of(CASES[state]) == state


HEALTHY = ("off", "paused", "running", "finished", "settled", "learning", "orders without learning")


@pytest.mark.parametrize("state", CASES)
def test_a_problem_is_told_exactly_where_there_is_one(state: str) -> None:
    waits = state.startswith(("waiting", "only skipped"))
    assert (problem_of(CASES[state]) is None) == (waits or state in HEALTHY)


def test_without_a_worker_it_says_what_to_start_and_that_the_order_stands() -> None:
    said = problem_of(CASES["no worker runs"])
    assert said is not None
    assert "clean-al serve" in said
    assert "the last order stands" in said


def test_without_a_poll_it_learns_on_and_says_so() -> None:
    facts = replace(LEARNING, alive=Alive(workers=1))
    assert (state_of(facts), problem_of(facts)) == ("learning", NO_POLL)


def test_where_nobody_was_asked_no_worker_is_missed() -> None:
    assert state_of(replace(LEARNING, alive=None)) == "learning"


def test_the_command_asks_who_runs(call: Call, services: Services, project_id: int) -> None:
    save_connection(services.store, project_id, Connection())
    folder = services.store.folder(project_id)
    ProgressFile(folder).succeed(REPORT | {"ended_at": "2026-01-01T12:00:00+00:00"}, {})
    save_insight(folder, Insight(stop=StopAdvice("go on", "another 100 labels would gain 2.0 ± 0.5 points")))
    shown = call("status")
    assert "no worker runs" in shown.out
    assert "running: 0 workers, 0 polls, 0 web processes" in shown.out
    one = call("status", str(project_id)).out
    assert "enough?      go on: another 100 labels would gain 2.0 ± 0.5 points" in one
    assert local_time("2026-01-01T12:00:00+00:00") in one
    assert project_status(services.store, project_id).state == "learning"


class TestTimes:
    def test_a_time_has_its_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert local_time(0.0).split()[-1]
        assert local_time("1970-01-01T00:00:00+00:00") == local_time(0.0)

    @pytest.mark.parametrize("wrong", ["yesterday", 1e300])
    def test_what_is_no_time_is_shown_as_it_is(self, wrong: float | str) -> None:
        assert local_time(wrong) == str(wrong)

    def test_nothing_is_a_dash(self) -> None:
        assert local_time(None) == "-"
