"""The app factory and its place in the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import backend
from backend.errors import SettingsError
from backend.web import create_app


def test_the_package_offers_the_factory_and_imports_it_only_when_asked():
    assert backend.create_app is create_app
    lines = ["import sys, backend", "print('flask' in sys.modules)"]
    code = "; ".join([*lines, "backend.create_app", lines[1]])
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_package_offers_nothing_else():
    with pytest.raises(AttributeError, match="no_such_name"):
        backend.no_such_name  # noqa: B018


def test_without_redis_the_app_does_not_start_and_says_what_to_set(settings_for, predictor):
    with pytest.raises(SettingsError, match="REDIS_URL"):
        create_app(settings_for(redis_url=None), predictor=predictor)


def test_a_marker_that_breaks_is_our_fault_and_shows_nothing(app_for, marker, monkeypatch):
    def broken(project_id, reason):
        raise RuntimeError("redis://:password@host")

    monkeypatch.setattr(marker, "mark_dirty", broken)
    headers = {"Authorization": "Bearer a-webhook-secret-for-tests"}
    answer = app_for().test_client().post("/webhook/1", json={"action": "TASKS_CREATED"}, headers=headers)
    assert (answer.status_code, answer.json["error"]) == (500, "internal error")
    assert "password" not in answer.get_data(as_text=True)
