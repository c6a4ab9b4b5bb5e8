"""Our own webhook: each event is told once, and again when it was over; nothing waits for it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backend.errors import SettingsError
from backend.loop.notify import (
    AWAY_SECONDS,
    FILE_NAME,
    LEADER_KEY,
    PARKED_AFTER,
    Notifier,
    events_of,
    notify_until,
)
from backend.services import Services
from backend.settings import read_settings
from backend.store.connection import Connection, save_connection
from backend.store.files import write_json
from backend.store.insight import CurvePoint, Insight, StopAdvice, save_insight
from backend.store.titles import note_title

STOP = Insight(stop=StopAdvice("stop", "you can stop: enough"))
GO_ON = Insight(stop=StopAdvice("go on", "more"))
SECRET = "s3cret-in-the-path"


class Listener:
    """Takes what is told; `status` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(listener.status)
                self.send_header("Location", f"{listener.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def folder(services: Services) -> Path:
    save_connection(services.store, 3, Connection())
    found = services.store.folder(3)
    note_title(found, "Topics")
    return found


def told(listener: Listener) -> list[str]:
    return [one["event"] for one in listener.heard]


def test_an_event_is_told_once_and_again_when_it_was_over(
    services: Services, folder: Path, listener: Listener
) -> None:
    notifier = Notifier(services, listener.url)
    for insight in (GO_ON, STOP, STOP, GO_ON, STOP):
        save_insight(folder, insight)
        notifier.tick(time.time())
    assert told(listener) == ["stop", "stop"]
    first = listener.heard[0]
    assert first["project"] == 3
    assert first["text"] == "Clean AL, Topics (project 3): stop: you can stop: enough"
    assert first["address"].endswith("/projects/3")


def test_another_process_knows_what_was_told(services: Services, folder: Path, listener: Listener) -> None:
    save_insight(folder, STOP)
    for _ in range(2):
        Notifier(services, listener.url).tick(time.time())
    assert told(listener) == ["stop"]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_told_again_after_a_pause_and_no_redirect_is_followed(
    services: Services, folder: Path, listener: Listener, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    # Below, the HTTP library is kept from logging, see `backend.cli.common.settings`.
    caplog.set_level(logging.DEBUG, logger="backend")
    save_insight(folder, STOP)
    listener.status = status
    notifier = Notifier(services, listener.url)
    notifier.tick(time.time())
    notifier.tick(time.time())
    assert told(listener) == ["stop"]
    assert not (folder / FILE_NAME).exists()
    listener.status, notifier._again_at = 204, 0.0
    notifier.tick(time.time())
    assert told(listener) == ["stop", "stop"]
    assert SECRET not in caplog.text
    assert SECRET not in repr(notifier)


def test_nobody_listening_is_logged_without_the_address(
    services: Services, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_insight(folder, STOP)
    Notifier(services, f"http://127.0.0.1:1/{SECRET}").tick(time.time())
    assert "ConnectionError" in caplog.text
    assert SECRET not in caplog.text


def test_a_project_that_is_off_is_not_told_of(services: Services, listener: Listener) -> None:
    save_insight(services.store.folder(4), STOP)
    Notifier(services, listener.url).tick(time.time())
    assert listener.heard == []


NOW = 1_000_000.0
PARKED: dict[str, dict[str, Any]] = {
    "poll.json": {"problem": "no project 3", "since": NOW, "gone": True},
    "progress.json": {"report": {"outcome": "cannot be ordered", "notes": ["all empty"]}},
}


@pytest.mark.parametrize("name", PARKED)
def test_a_parked_project_is_an_event(folder: Path, name: str) -> None:
    write_json(folder / name, PARKED[name])
    assert [event.kind for event in events_of(folder, NOW)] == ["parked"]


def test_rounds_that_fail_again_and_again_park_a_project(folder: Path) -> None:
    write_json(folder / "progress.json", {"failures": PARKED_AFTER - 1, "error": "boom"})
    assert list(events_of(folder, NOW)) == []
    write_json(folder / "progress.json", {"failures": PARKED_AFTER, "error": "boom"})
    assert [event.text for event in events_of(folder, NOW)] == ["boom (6 times)"]


def test_label_studio_is_missed_after_an_hour(folder: Path) -> None:
    write_json(folder / "poll.json", {"problem": "it does not answer", "since": NOW - AWAY_SECONDS + 1})
    assert list(events_of(folder, NOW)) == []
    assert [event.kind for event in events_of(folder, NOW + 1)] == ["label studio away"]


def test_accuracy_has_fallen_when_the_intervals_lie_apart(folder: Path) -> None:
    good, worse = CurvePoint(300, 0.9, 0.85, 0.95), CurvePoint(400, 0.8, 0.74, 0.86)
    save_insight(folder, Insight(curve=(good, worse)))
    assert list(events_of(folder, NOW)) == []
    save_insight(folder, Insight(curve=(good, worse, CurvePoint(500, 0.7, 0.64, 0.76))))
    (event,) = events_of(folder, NOW)
    assert (event.kind, event.text) == (
        "accuracy fell",
        "accuracy is 70.0% at 500 labels, it was 90.0% at 300",
    )


def test_it_runs_beside_the_poll_and_one_at_a_time(
    services: Services, folder: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.loop.notify.STEP", 0.05)
    save_insight(folder, STOP)
    settings = services.settings.model_copy(update={"notify_url": SecretStr(listener.url)})
    services.redis.set(LEADER_KEY, "another's", px=500)
    stop = threading.Event()
    threads = [threading.Thread(target=notify_until, args=(Services(settings), stop)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not listener.heard:
        time.sleep(0.02)
    assert services.redis.get(LEADER_KEY) != b"another's"
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert told(listener) == ["stop"]


@pytest.mark.parametrize("wrong", ["chat.example.org/x", "ftp://example.org", "http://", "http://a:x/s3cret"])
def test_an_address_that_is_none_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(SettingsError, match="CLEAN_AL_NOTIFY_URL") as refused:
        read_settings(_env_file=None, notify_url=wrong)
    assert wrong not in str(refused.value)
