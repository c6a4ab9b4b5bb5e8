"""The shelf of states: kept while nothing changes, and never shown once something has."""

from __future__ import annotations

from pathlib import Path

from backend.loop.heartbeat import Alive
from backend.store.insight import Insight, save_insight
from backend.store.models import ModelStore
from backend.web.shelf import StatusShelf

from .projects import make_project


def test_a_state_follows_who_is_alive(tmp_path: Path) -> None:
    make_project(tmp_path)
    now = [Alive(workers=1, polls=1, webs=1)]
    states = StatusShelf(ModelStore(tmp_path), lambda: now[-1])
    assert states.one(3).state == "settled"
    now.append(Alive(polls=1, webs=1))
    assert states.one(3).state == "no worker runs"
    now.append(Alive(problem="Redis does not answer: ConnectionError"))
    assert [one.state for one in states.all()] == ["the queue does not work"]


def test_what_a_round_found_out_afterwards_is_shown_at_once(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    states = StatusShelf(ModelStore(tmp_path), lambda: None)
    assert (states.one(3).suspects, states.one(3).state) == (1, "settled")
    save_insight(folder, Insight())
    assert (states.one(3).suspects, states.one(3).state) == (0, "learning")
