"""The checker is worth something: it catches builds that are broken on purpose, by the promise they break."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.campaign import campaign

ASKED_FOR = "CLEAN_AL_BROKEN_BUILDS"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get(ASKED_FOR), reason=f"each takes minutes; {ASKED_FOR}=1 asks for them"
    ),
]
BROKEN = Path(__file__).parent / "broken"
# No poll comes to the help of a lost event.
NO_POLL = {"CLEAN_AL_RECONCILE_INTERVAL": "3600"}


@dataclass(frozen=True)
class Build:
    """What is done to a broken build, and the promise that the checker finds broken."""

    promise: str
    harms: tuple[str, ...] = ()
    strikes: int = 0
    calm: float = 0.0
    settings: tuple[tuple[str, str], ...] = ()


BUILDS = {
    "mark_cleared_late": Build("P6", calm=90.0, settings=tuple(NO_POLL.items())),
    "no_fence": Build("P2 P4", ("pause horse",), 8),
    "two_step_mark": Build("P6", ("kill valkey at a mark",), 5),
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_broken_build_is_caught(name: str) -> None:
    build = BUILDS[name]
    python = [str(BROKEN / name), str(BROKEN), os.environ.get("PYTHONPATH", ""), str(BROKEN.parents[2])]
    report = campaign(
        1,
        build.strikes,
        harms=build.harms,
        settings=dict(build.settings) | {"PYTHONPATH": os.pathsep.join(filter(None, python))},
        projects=1,
        poison=False,
        calm=build.calm,
        patience=45.0,
    )
    assert any(build.promise in line for line in report.violations), report


def test_the_sound_build_loses_no_event_where_no_poll_helps() -> None:
    report = campaign(1, 0, harms=[], settings=NO_POLL, projects=1, poison=False, calm=30.0)
    assert report.violations == [], report
    assert report.rounds > 1
