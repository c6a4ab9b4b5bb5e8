"""A short campaign by a fixed seed, and no promise broken; `make chaos` goes on as long as you like."""

from __future__ import annotations

import pytest

from tests.chaos.campaign import campaign
from tests.chaos.soak import growth, soak

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(900)]
SEED, STRIKES = 1, 12


def test_whatever_is_done_to_it_the_loop_keeps_its_promises(capsys: pytest.CaptureFixture[str]) -> None:
    report = campaign(SEED, STRIKES)
    with capsys.disabled():
        print(f"\n[chaos] {report}")
    assert report.violations == [], report.log
    assert report.strikes.total() == STRIKES
    assert report.rounds > 0


def test_a_hundred_rounds_leave_nothing_behind() -> None:
    looks = soak(100)
    assert growth(looks) == [], looks
