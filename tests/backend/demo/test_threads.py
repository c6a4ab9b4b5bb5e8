"""Several things at once."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from backend.demo.threads import together


def test_all_are_done_when_it_returns() -> None:
    done: list[int] = []
    together([partial(done.append, n) for n in range(5)])
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_they_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    together([lambda: meeting.wait() and None] * 3)


def test_the_first_error_is_raised_while_others_still_wait() -> None:
    never = threading.Event()
    with pytest.raises(ZeroDivisionError):
        together([lambda: never.wait() and None, lambda: 1 / 0 and None])
    never.set()


def test_what_goes_wrong_beside_them_ends_the_wait() -> None:
    never = threading.Event()

    def check() -> None:
        raise LookupError("the server has ended")

    with pytest.raises(LookupError):
        together([lambda: never.wait() and None], also=check)
    never.set()
