"""`clean-al pause`, `resume` and `rollback`: by id or title, with Label Studio away too."""

from __future__ import annotations

import json

import pytest

from backend.services import Services
from backend.store.connection import Connection, save_connection
from backend.store.titles import note_title
from tests.backend.command import Call


@pytest.fixture
def connected(services: Services, project_id: int) -> int:
    save_connection(services.store, project_id, Connection())
    note_title(services.store.folder(project_id), "Topics")
    return project_id


def test_a_paused_project_says_so_in_the_status_by_id_and_by_title(call: Call, connected: int) -> None:
    assert call("pause", "Topics").out == f"project {connected}: paused\n"
    shown = call("status", "Topics").out
    assert f"project {connected} (Topics): paused" in shown
    assert f"clean-al resume {connected}" in shown
    (status,) = json.loads(call("status", str(connected), "--json").out)
    assert status["state"] == "paused"
    assert call("resume", str(connected)).out.startswith(f"project {connected}: resumed; a round begins")
    assert "paused" not in call("status").out


def test_pausing_needs_neither_label_studio_nor_redis(call: Call, connected: int) -> None:
    away = {"LABEL_STUDIO_URL": "http://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1/0"}
    assert call("pause", "Topics", **away).code == 0
    assert call("resume", "Topics", **away).code == 0


def test_a_round_of_a_paused_project_is_refused_with_exit_code_1(call: Call, connected: int) -> None:
    call("pause", str(connected))
    refused = call("retrain", str(connected))
    assert (refused.code, f"clean-al resume {connected}" in refused.err) == (1, True)


def test_without_an_earlier_model_a_rollback_says_so(call: Call, connected: int) -> None:
    assert call("rollback", str(connected), "--list").out == "no earlier model is kept\n"
    refused = call("rollback", str(connected))
    assert (refused.code, "versions that are kept: none" in refused.err) == (1, True)


@pytest.mark.parametrize("command", ["pause", "resume", "rollback"])
def test_a_project_that_is_off_is_refused(call: Call, project_id: int, command: str) -> None:
    refused = call(command, str(project_id))
    assert (refused.code, f"clean-al connect {project_id}" in refused.err) == (1, True)
