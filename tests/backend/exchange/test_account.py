"""The account adds up, and says whether anything was lost."""

from __future__ import annotations

import pytest

from backend.errors import ExchangeDefect
from backend.exchange.account import REASONS, Account


def test_a_unit_that_nobody_told_of_is_a_defect() -> None:
    account = Account("annotation")
    account.seen = 2
    account.tell("carried", "annotation")
    with pytest.raises(ExchangeDefect, match="2 annotations were seen and 1 are in the account"):
        account.check()
    account.tell("joined", "annotation", "is there")
    account.check()


@pytest.mark.parametrize(
    ("verb", "lossless"), [("carried", True), ("joined", True), ("changed", False), ("dropped", False)]
)
def test_what_is_changed_or_dropped_is_a_loss(verb: str, lossless: bool) -> None:
    account = Account("task")
    account.tell(verb, "task", "so")
    assert account.lossless == lossless
    assert ("nothing was lost" in account.to_text()) == lossless
    assert account.to_dict()["lossless"] == lossless


def test_reasons_of_others_do_not_grow_without_end() -> None:
    account = Account("task")
    for number in range(REASONS + 5):
        account.tell("dropped", "task", f"reason {number}")
    assert account.count("dropped") == REASONS + 5
    assert len(account.to_dict()["dropped"]) == REASONS + 1


def test_lines_stand_in_the_order_of_the_verbs_with_their_first_places() -> None:
    account = Account("task")
    account.seen = 5
    for number in range(4):
        account.tell("dropped", "task", "is gone", f"task {number}")
    account.tell("carried", "task")
    account.left_out["job that is new"] = 1
    assert account.to_text() == (
        "5 tasks seen\n"
        "  carried        1  task\n"
        "  dropped        4  task: is gone (task 0, task 1, task 2)\n"
        "  left out       1  job that is new"
    )
