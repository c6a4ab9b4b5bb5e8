"""Plain webhooks are answered together, and as the app would answer each of them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.errors import QueueUnavailable
from backend.web.bodies import LONG
from backend.web.framing import Framing, Whole
from backend.web.state import web_state
from backend.web.waiting_room import Connection
from backend.web.webhook_lane import PLAIN_ACTIONS, PlainReader, WebhookLane
from tests.backend.web.conftest import SECRET, WITH_SECRET, Marker
from tests.backend.web.servers import wait_until

PATIENCE = 30.0
CREATED = {"action": "ANNOTATION_CREATED", "project": {"id": 3}}
FIELDS = (
    "Host: localhost:9090",
    f"Authorization: Bearer {SECRET}",
    "Content-Type: application/json",
    "User-Agent: python-requests/2.32.3",
    "Accept-Encoding: gzip, deflate",
    "Connection: keep-alive",
)


def whole(*fields: str, path: str = "/webhook/3", method: str = "POST", body: bytes | None = None) -> Whole:
    """Return a webhook as it comes from Label Studio, with these fields in place of or beside the usual."""
    body = json.dumps(CREATED).encode() if body is None else body
    replaced = {field.partition(":")[0].lower() for field in fields}
    usual = [field for field in FIELDS if field.partition(":")[0].lower() not in replaced]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *usual, *fields, f"Content-Length: {len(body)}", "", ""])
    framing = Framing(1_000_000, lambda authorization: True)
    framing.feed(head.encode("latin-1") + body)
    found = framing.next()
    assert found is not None
    return found


class Lane:
    """A lane over real sockets; what goes the long way is noted."""

    def __init__(self, app: Flask):
        self.long_way: list[Whole] = []
        self.done: list[bool] = []
        self._lane = WebhookLane(
            web_state(app),
            lambda _, whole: self.long_way.append(whole),
            lambda connection, whole, goes_on: self.done.append(goes_on),
        )
        self._opened = ExitStack()
        self._lane.start()

    def send(self, request: Whole) -> socket.socket:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            self._opened.enter_context(end)
        ours.settimeout(PATIENCE)
        self._lane.take(Connection(theirs, ("127.0.0.1", 1), Framing(0, lambda _: True)), request)
        return ours

    def close(self) -> None:
        self._lane.stop()
        self._opened.close()


@pytest.fixture
def app(app_for: Callable[..., Flask]) -> Flask:
    return app_for()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def lane(app: Flask) -> Iterator[Lane]:
    one = Lane(app)
    yield one
    one.close()


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], object]:
    """Return status, fields and JSON of one answer."""
    head, _, content = connection.recv(65_536).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), json.loads(content)


@pytest.mark.parametrize("action", sorted(PLAIN_ACTIONS))
@pytest.mark.parametrize("path", ["/webhook", "/webhook/3"])
def test_the_answer_is_the_one_of_the_app(
    lane: Lane, client: FlaskClient, marker: Marker, action: str, path: str
) -> None:
    event = CREATED | {"action": action}
    status, fields, content = answer_of(lane.send(whole(path=path, body=json.dumps(event).encode())))
    other = client.post(path, json=event, headers=WITH_SECRET)
    assert (status, content) == (other.status_code, other.json)
    assert fields["Content-Type"] == other.headers["Content-Type"]
    assert int(fields["Content-Length"]) == len(other.data)
    assert marker.marks == [(3, action), (3, action)]
    assert lane.long_way == []


def test_a_project_whose_loop_is_off_is_told_so(lane: Lane, client: FlaskClient, marker: Marker) -> None:
    marker.off.add(3)
    status, _, content = answer_of(lane.send(whole()))
    other = client.post("/webhook/3", json=CREATED, headers=WITH_SECRET)
    assert (status, content) == (other.status_code, other.json) == (200, content)


def test_without_redis_a_webhook_is_kept_and_handed_over_later(lane: Lane, marker: Marker) -> None:
    marker.down = True
    status, _, content = answer_of(lane.send(whole()))
    assert (status, content) == (202, {"project": 3, "queued": False})
    marker.down = False
    wait_until(lambda: marker.marks == [(3, "ANNOTATION_CREATED")])


@pytest.mark.parametrize(("said", "goes_on"), [("keep-alive", True), ("Keep-Alive", True), ("close", False)])
def test_the_connection_goes_on_if_its_client_wants_it(lane: Lane, said: str, goes_on: bool) -> None:
    _, fields, _ = answer_of(lane.send(whole(f"Connection: {said}")))
    assert fields["Connection"] == ("keep-alive" if goes_on else "close")
    wait_until(lambda: lane.done == [goes_on])


UNUSUAL: dict[str, Callable[[], Whole]] = {
    "another method": lambda: whole(method="PUT"),
    "a query": lambda: whole(path="/webhook/3?x=1"),
    "a path below": lambda: whole(path="/webhook/3/x"),
    "a longer word": lambda: whole(path="/webhooks"),
    "project 0": lambda: whole(path="/webhook/0"),
    "a project beyond any": lambda: whole(path="/webhook/9999999999999999999"),
    "a wrong secret": lambda: whole("Authorization: Bearer wrong"),
    "no secret": lambda: whole("Authorization:"),
    "a login": lambda: whole("Authorization: Basic YTpi"),
    "another host": lambda: whole("Host: evil.example"),
    "no host": lambda: whole("Host:"),
    "two hosts": lambda: whole("Host: localhost", "Host: localhost"),
    "two secrets": lambda: whole(*[f"Authorization: Bearer {SECRET}"] * 2),
    "another type": lambda: whole("Content-Type: text/plain"),
    "a zipped body": lambda: whole("Content-Encoding: gzip"),
    "an upgrade": lambda: whole("Connection: upgrade", "Upgrade: websocket"),
    "an underscore": lambda: whole("X_Project: 3"),
    "a blank before the colon": lambda: whole("X-Project : 3"),
    "a folded line": lambda: whole("X-Project: 3\r\n and more"),
    "a byte beyond ASCII": lambda: whole("X-Project: \xff"),
    "a bare line feed": lambda: whole("X-Project: 3\nX-Other: 4"),
    "an action that is not known": lambda: whole(
        body=b'{"action": "LABEL_LINK_CREATED", "project": {"id": 3}}'
    ),
    "an updated project": lambda: whole(body=b'{"action": "PROJECT_UPDATED", "project": {"id": 3}}'),
    "another project inside": lambda: whole(body=b'{"action": "ANNOTATION_CREATED", "project": {"id": 4}}'),
    "no project": lambda: whole(path="/webhook", body=b'{"action": "ANNOTATION_CREATED"}'),
    "no JSON": lambda: whole(body=b'{"action": NaN}'),
    "a list": lambda: whole(body=b"[]"),
    "no action": lambda: whole(body=b"{}"),
    "a deep body": lambda: whole(body=b"[" * 100_000),
    "a long body": lambda: whole(body=json.dumps(CREATED | {"more": "x" * LONG}).encode()),
    "a body left unread": lambda: Whole(whole().head, b"", b"/webhook/3", cut=True, fields=whole().fields),
}


@pytest.mark.parametrize("request_of", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_not_plain_goes_through_the_app(
    lane: Lane, marker: Marker, request_of: Callable[[], Whole]
) -> None:
    lane.send(request_of())
    wait_until(lambda: len(lane.long_way) == 1)
    assert marker.marks == lane.done == []


def test_half_a_character_in_the_labeling_config_is_no_harm(lane: Lane, marker: Marker) -> None:
    body = b'{"action": "TASKS_CREATED", "project": {"id": 3, "label_config": "\\ud800"}}'
    assert answer_of(lane.send(whole(body=body)))[0] == 202
    assert marker.marks == [(3, "TASKS_CREATED")]


def test_one_that_cannot_be_read_at_all_does_not_end_the_others(lane: Lane) -> None:
    plain = whole()
    # No parser of ours makes this; the thread that all webhooks wait for must outlive what nobody thought of.
    lane.send(Whole(plain.head, plain.body, plain.path, fields=plain.fields | {b"host": [b"\xff"]}))
    wait_until(lambda: len(lane.long_way) == 1)
    assert answer_of(lane.send(plain))[0] == 202


def test_a_usual_webhook_of_label_studio_is_plain(app: Flask) -> None:
    read = PlainReader(web_state(app)).read(whole())
    assert read is not None
    assert (read.project, read.event.action, read.by_address) == (3, "ANNOTATION_CREATED", True)


class SlowMarker(Marker):
    """Holds each mark until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Semaphore(0)

    def mark_dirty(self, project_id: int, reason: str) -> bool:
        self.calls += 1
        assert self.go.acquire(timeout=PATIENCE)
        return super().mark_dirty(project_id, reason)


class TestGroupCommit:
    @pytest.fixture
    def marker(self) -> SlowMarker:
        return SlowMarker()

    def test_those_that_come_while_a_mark_is_written_share_the_next_one(
        self, lane: Lane, marker: SlowMarker
    ) -> None:
        first = lane.send(whole())
        wait_until(lambda: marker.calls == 1)
        later = [lane.send(whole()) for _ in range(50)]
        marker.go.release()
        assert answer_of(first)[0] == 202
        wait_until(lambda: len(marker.marks) == 1 and marker.calls > 1)
        # The first mark began before they came, so it does not count for them.
        assert lane.done == [True]
        marker.go.release()
        assert {answer_of(one)[0] for one in later} == {202}
        assert marker.marks == [(3, "ANNOTATION_CREATED")] * 2

    def test_each_project_among_them_is_marked(self, lane: Lane, marker: SlowMarker) -> None:
        lane.send(whole())
        wait_until(lambda: marker.calls == 1)
        for project in (5, 4, 5, 4, 6):
            event = json.dumps({"action": "TASKS_CREATED", "project": project}).encode()
            lane.send(whole(path="/webhook", body=event))
        for _ in range(4):
            marker.go.release()
        wait_until(lambda: len(lane.done) == 6)
        assert marker.marks == [(3, "ANNOTATION_CREATED"), *((i, "TASKS_CREATED") for i in (5, 4, 6))]


class BrokenMarker(Marker):
    def mark_dirty(self, project_id: int, reason: str) -> bool:
        raise QueueUnavailable("away") if project_id == 4 else RuntimeError("nobody expected this")


class TestFault:
    @pytest.fixture
    def marker(self) -> BrokenMarker:
        return BrokenMarker()

    def test_a_mark_that_fails_leaves_its_webhooks_to_the_app_and_answers_the_others(
        self, lane: Lane, marker: BrokenMarker
    ) -> None:
        lane.send(whole())
        other = lane.send(whole(path="/webhook/4", body=b'{"action": "TASKS_CREATED"}'))
        assert answer_of(other)[2] == {"project": 4, "queued": False}
        wait_until(lambda: len(lane.long_way) == 1)


def test_a_client_that_has_gone_ends_nothing(lane: Lane, marker: Marker) -> None:
    lane.send(whole()).close()
    assert answer_of(lane.send(whole()))[0] == 202
    wait_until(lambda: len(lane.done) == 2)
    assert marker.calls >= 1


def test_lane_and_app_count_alike(lane: Lane, app: Flask, client: FlaskClient) -> None:
    answer_of(lane.send(whole()))
    client.post("/webhook/3", json=CREATED, headers=WITH_SECRET)
    page = web_state(app).metrics.page().get_data(as_text=True)
    assert 'clean_al_webhooks_received_total{action="ANNOTATION_CREATED"} 2.0' in page
    assert "clean_al_webhooks_acked_total 2.0" in page
    assert 'clean_al_http_request_seconds_count{endpoint="webhooks.receive_for",status="202"} 2.0' in page
