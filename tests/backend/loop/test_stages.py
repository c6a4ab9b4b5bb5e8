"""Stages of a round: timed once each, and small fits by one thread."""

from __future__ import annotations

import numpy as np  # noqa: F401  its BLAS is what is asked about
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from backend.loop.stages import ONE_THREAD, Stages


def most_threads() -> int:
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


@pytest.mark.parametrize("name", sorted(ONE_THREAD))
def test_small_fits_have_one_thread_and_others_what_there_was(name: str) -> None:
    stages = Stages()
    with threadpool_limits(2):
        before = most_threads()
        with stages(name):
            assert most_threads() == 1
        assert most_threads() == before
        with stages("choose"):
            assert most_threads() == before


def test_a_stage_inside_another_is_not_counted_twice() -> None:
    stages = Stages()
    with stages("learn"), stages("store"):
        pass
    assert list(stages.seconds) == ["learn", "store"]


def test_an_error_leaves_the_threads_as_they_were() -> None:
    with threadpool_limits(2):
        before = most_threads()
        with pytest.raises(ZeroDivisionError), Stages()("learn"):
            _ = 1 / 0
        assert most_threads() == before
