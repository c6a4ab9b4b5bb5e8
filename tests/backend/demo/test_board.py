"""What the demo shows while it runs."""

from __future__ import annotations

import io
import re

from rich.console import Console

from backend.demo.board import Board


def lines_of(out: io.StringIO) -> list[str]:
    """Return what was printed, without the times."""
    return [re.sub(r"^\[ *\d+ s\] ", "", line) for line in out.getvalue().splitlines()]


def test_without_a_terminal_each_event_is_one_plain_line() -> None:
    out = io.StringIO()
    board = Board(Console(file=out, width=40), ("digits", "docstrings"))
    with board.shown():
        board.phase("labeling")
        board.step("digits", "uploading 3/9", quiet=True)
        board.loop_round("digits", 1, 0, None, (7, 8))
        board.random_batch("digits", 20, 0.5)
        board.loop_round("digits", 3, 20, 0.61234, (4, 2, 9))
    assert lines_of(out) == [
        "labeling",
        "digits: round 1, 0 labels, no model yet; next tasks 7, 8",
        "digits: random order, 20 labels, held-out accuracy 50.0%",
        "digits: round 3, 20 labels, held-out accuracy 61.2% (random order 50.0%); next tasks 4, 2, 9",
    ]


def test_the_curves_hold_every_measured_round() -> None:
    board = Board(Console(file=io.StringIO()), ("digits",))
    board.loop_round("digits", 1, 0, None, ())
    board.loop_round("digits", 2, 20, 0.6, ())
    board.random_batch("digits", 20, 0.5)
    board.loop_round("digits", 5, 40, 0.7, ())
    assert board.curves("digits") == ([(20, 0.6), (40, 0.7)], [(20, 0.5)])


def test_a_terminal_shows_one_table_with_both_scores() -> None:
    out = io.StringIO()
    board = Board(Console(file=out, force_terminal=True, width=120), ("digits",))
    with board.shown():
        board.loop_round("digits", 2, 20, 0.625, (41, 42))
        board.random_batch("digits", 20, 0.5)
    last = out.getvalue().rpartition("project")[2]
    for part in ("digits", "62.5% at 20", "50.0% at 20", "41 42"):
        assert part in last
