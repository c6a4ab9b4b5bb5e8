"""An app with a marker and a predictor that remember what they were asked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.errors import QueueUnavailable
from backend.loop.heartbeat import Alive
from backend.settings import Settings
from backend.web import create_app

# Of all kinds of processes one.
UP = Alive(1, 1, 1)
SECRET = "a-webhook-secret-for-tests"
WITH_SECRET = {"Authorization": f"Bearer {SECRET}"}


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Marker:
    """Remembers the marks; `down` makes it behave as Redis that does not answer."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, str]] = []
        self.calls = 0
        self.down = False
        self.off: set[int] = set()

    def mark_dirty(self, project_id: int, reason: str) -> bool:
        self.calls += 1
        if self.down:
            raise QueueUnavailable("Redis does not answer")
        if project_id in self.off:
            return False
        self.marks.append((project_id, reason))
        return True


# What an annotator finds filled in; an empty result would not be answered at all.
SHOWN = [{"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": ["a"]}}]


class TextLengthPredictor:
    """Scores a task by the length of its text; `fails_with` is raised instead when set."""

    def __init__(self, version: str | None = "v7") -> None:
        self.version = version
        self.asked: list[int] = []
        self.fails_with: Exception | None = None

    def predict(
        self, project_id: int, tasks: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], str | None]:
        self.asked.append(project_id)
        if self.fails_with:
            raise self.fails_with
        if self.version is None:
            return [{"result": [], "score": 0.0} for _ in tasks], None
        return [self._one(task.get("data") or {}) for task in tasks], self.version

    @staticmethod
    def _one(data: dict[str, Any]) -> dict[str, Any]:
        text = data.get("text")
        return {"result": SHOWN, "score": float(len(text)) if isinstance(text, str) else 0.0}

    def model_version(self, project_id: int) -> str | None:
        return self.version

    def versions(self, project_id: int) -> list[str]:
        return [] if self.version is None else [self.version]


@pytest.fixture
def marker() -> Marker:
    return Marker()


@pytest.fixture
def predictor() -> TextLengthPredictor:
    return TextLengthPredictor()


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    def make(**given: Any) -> Settings:
        defaults = {
            "model_dir": tmp_path / "models",
            "webhook_secret": SECRET,
            "host": "127.0.0.1",
            "basic_auth_user": None,
            "basic_auth_pass": None,
            "public_url": None,
        }
        return Settings(_env_file=None, **(defaults | given))

    return make


@pytest.fixture
def app_for(
    settings_for: Callable[..., Settings], marker: Marker, predictor: TextLengthPredictor
) -> Callable[..., Flask]:
    def make(**given: Any) -> Flask:
        return create_app(settings_for(**given), dirty_marker=marker, predictor=predictor, alive=lambda: UP)

    return make


@pytest.fixture
def client(app_for: Callable[..., Flask]) -> FlaskClient:
    return app_for().test_client()
