"""`clean-al suspects`: what is kept is shown, by id or title, whatever else is down."""

from __future__ import annotations

import json

import pytest

from backend.services import Services
from backend.store.connection import Connection, save_connection
from backend.store.insight import FILE_NAME, Insight, Suspect, save_insight
from backend.store.titles import note_title
from tests.backend.command import Call

AWAY = {"LABEL_STUDIO_URL": "http://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}
TWO = (
    Suspect(7, "cats", "war \x1b[31m", 0.97, "a model is 99% for war", 12, "topic"),
    Suspect(9, "money", "cats", 0.9, "annotators disagree", None, "topic"),
)


@pytest.fixture
def connected(services: Services, project_id: int) -> int:
    save_connection(services.store, project_id, Connection())
    folder = services.store.folder(project_id)
    note_title(folder, "Topics")
    save_insight(folder, Insight(suspects=TWO))
    return project_id


def test_the_likeliest_comes_first_with_reason_and_address(call: Call, connected: int) -> None:
    shown = call("suspects", "Topics", **AWAY)
    assert shown.code == 0
    head, first, second = shown.out.splitlines()
    assert head == f"project {connected} (Topics): 2 likely wrong labels"
    assert first.startswith(r"  97%  topic: cats -> war \x1b[31m?  a model is 99% for war  ")
    assert first.endswith(f"/projects/{connected}/data?task=7")
    assert second.startswith("  90%  topic: money -> cats?")


def test_as_json_it_is_what_is_kept(call: Call, connected: int) -> None:
    found = json.loads(call("suspects", str(connected), "--json", "--most", "1").out)
    assert found == [vars(TWO[0])]


def test_what_is_left_out_is_counted(call: Call, connected: int) -> None:
    assert call("suspects", str(connected), "--most", "1").out.endswith("and 1 more; --most 2 shows them\n")


def test_a_damaged_file_is_named_and_no_crash(call: Call, connected: int, services: Services) -> None:
    (services.store.folder(connected) / FILE_NAME).write_text("{")
    shown = call("suspects", str(connected))
    assert (shown.code, "damaged" in shown.err) == (0, True)
    assert "0 likely wrong labels" in shown.out
    shown = call("suspects", str(connected), "--json")
    assert (json.loads(shown.out), "damaged" in shown.err) == ([], True)


def test_a_project_that_nobody_knows_is_refused(call: Call, services: Services) -> None:
    assert call("suspects", "nowhere").code == 1
