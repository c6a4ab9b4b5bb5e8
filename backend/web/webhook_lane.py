"""Webhooks answered together: however many wait, each of their projects is marked once.

A webhook is kept once a mark was written that began after it had come. So those that come while one mark is
on its way to Redis share the next ("group commit"), and a burst costs Redis and the framework a fraction of
what its webhooks would cost one by one.

Only what is plainly a webhook of ours is answered here. All else, and all that must be refused, goes through
the app, which answers the same.
"""

from __future__ import annotations

import json
import logging
import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from gunicorn import SERVER
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from backend.log_context import log_fault
from backend.web.bodies import LONG, parse_object
from backend.web.deferral import Outcome
from backend.web.fields import LARGEST_ID, Event
from backend.web.framing import Whole
from backend.web.state import WebState
from backend.web.waiting_room import Connection
from backend.web.webhooks import (
    LEARNING_ACTIONS,
    count_action,
    count_outcome,
    is_new_config,
    mark,
    told,
)

logger = logging.getLogger(__name__)

AT_ONCE = 256
# No underscores: to gunicorn they are a way to say the same field twice.
PLAIN_HEAD = re.compile(
    rb"POST /webhook(?:/([1-9][0-9]{0,18}))? HTTP/1\.1\r\n"
    rb"(?:[!#-'*+.^`|~0-9A-Za-z-]{1,64}:[ -~\t]*\r\n){1,40}\r\n"
)
# An update of a project asks for a round only when its labeling config is another one: the app looks.
PLAIN_ACTIONS = LEARNING_ACTIONS - {"PROJECT_UPDATED"}
CONNECTION = {b"": b"keep-alive", b"keep-alive": b"keep-alive", b"close": b"close"}
FIELDS = (b"host", b"authorization", b"content-type", b"connection")
# They say how a body is to be read, or what must happen before it is.
UNUSUAL = frozenset({b"content-encoding", b"transfer-encoding", b"expect", b"upgrade", b"trailer", b"te"})
ENDPOINTS = {True: "webhooks.receive_for", False: "webhooks.receive"}
ANSWER = (
    b"HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\nConnection: %s\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


@dataclass(frozen=True)
class PlainWebhook:
    """What a webhook says.

    Attributes
    ----------
    connection : what is answered as to whether the connection goes on
    by_address : whether the address names the project
    """

    project: int
    event: Event
    connection: bytes
    by_address: bool


class WebhookLane:
    """One thread that answers plain webhooks.

    Parameters
    ----------
    the_long_way : who answers what is no plain webhook, in a thread of its own
    done : told each connection that was answered, and whether it goes on
    """

    def __init__(
        self,
        state: WebState,
        the_long_way: Callable[[Connection, Whole], None],
        done: Callable[[Connection, Whole, bool], None],
    ):
        self._state, self._the_long_way, self._done = state, the_long_way, done
        self._waiting: queue.SimpleQueue[tuple[Connection, Whole, float] | None] = queue.SimpleQueue()
        self._reader = PlainReader(state)

    def start(self) -> None:
        threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def take(self, connection: Connection, whole: Whole) -> None:
        """Answer this request soon, here or by the long way."""
        self._waiting.put((connection, whole, time.perf_counter()))

    def stop(self) -> None:
        """End when all that was taken is answered."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            taken = [first]
            while len(taken) < AT_ONCE and not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    self.stop()
                    break
                taken.append(more)
            self._answer(taken)

    def _answer(self, taken: list[tuple[Connection, Whole, float]]) -> None:
        read = [(connection, whole, came, self._read(whole)) for connection, whole, came in taken]
        outcomes: dict[int, Outcome | None] = {}
        for _, _, _, webhook in read:
            # All of them are here already, so this mark begins after each of them.
            if webhook is not None and webhook.project not in outcomes:
                outcomes[webhook.project] = self._mark(webhook)
        for connection, whole, came, webhook in read:
            outcome = outcomes[webhook.project] if webhook is not None else None
            if webhook is None or outcome is None:
                self._the_long_way(connection, whole)
            else:
                self._done(connection, whole, self._goes_on(connection, webhook, outcome, came))

    def _read(self, whole: Whole) -> PlainWebhook | None:
        try:
            return self._reader.read(whole)
        except Exception as error:  # noqa: BLE001  all webhooks wait for this thread: it must not end
            log_fault(logger, error, "a webhook could not be read")
            return None

    def _goes_on(self, connection: Connection, webhook: PlainWebhook, outcome: Outcome, came: float) -> bool:
        """Answer; return whether the connection goes on."""
        try:
            return self._say(connection, webhook, outcome, came)
        except Exception as error:  # noqa: BLE001  as above; what the webhook said is kept already
            log_fault(logger, error, "a webhook could not be answered")
            return False

    def _mark(self, webhook: PlainWebhook) -> Outcome | None:
        try:
            return mark(self._state, webhook.project, webhook.event.action)
        except Exception as error:  # noqa: BLE001  the app tries again, and answers for it
            log_fault(logger, error, "a mark failed")
            return None

    def _say(self, connection: Connection, webhook: PlainWebhook, outcome: Outcome, came: float) -> bool:
        """Answer; return whether the connection goes on."""
        state = self._state
        # Remembered, though it changes nothing here: a later update of the project is compared with it.
        is_new_config(state, webhook.event, webhook.project)
        count_action(state, webhook.event.action)
        count_outcome(state, outcome)
        body, status = told(webhook.project, outcome)
        content = _as_json(body)
        answer = ANSWER % (
            status,
            HTTPStatus(status).phrase.upper().encode(),
            SERVER.encode(),
            formatdate(usegmt=True).encode(),
            webhook.connection,
            len(content),
            content,
        )
        try:
            # Few bytes into an empty buffer: what does not fit is for somebody who does not read.
            whole = connection.sock.send(answer) == len(answer)
        except OSError:
            whole = False
        seconds = time.perf_counter() - came
        state.metrics.seconds.labels(ENDPOINTS[webhook.by_address], status).observe(seconds)
        return whole and webhook.connection == b"keep-alive"


class PlainReader:
    """Tells plain webhooks from all else."""

    def __init__(self, state: WebState):
        self._gate = state.gate

    def read(self, whole: Whole) -> PlainWebhook | None:
        """Return what a webhook says; None for what the app must look at."""
        head = PLAIN_HEAD.fullmatch(whole.head)
        if head is None or whole.cut or len(whole.body) > LONG:
            return None
        fields = whole.fields
        if UNUSUAL & fields.keys() or any(len(fields.get(name, ())) > 1 for name in FIELDS):
            return None
        host, authorization, kind, connection = (fields.get(name, [b""])[0] for name in FIELDS)
        goes_on = CONNECTION.get(connection.lower())
        if not host or goes_on is None or kind != b"application/json":
            return None
        if not (self._gate.serves(host.decode()) and self._gate.is_secret(authorization)):
            return None
        return _read_event(whole.body, int(head[1]) if head[1] else None, goes_on)


def _read_event(body: bytes, project: int | None, connection: bytes) -> PlainWebhook | None:
    try:
        event = Event.model_validate(parse_object(body))
    except (HTTPException, ValidationError):
        return None
    named = event.project.id if event.project else None
    wanted = project or named
    if wanted is None or wanted > LARGEST_ID or named not in (None, wanted):
        return None
    if event.action not in PLAIN_ACTIONS:
        return None
    return PlainWebhook(wanted, event, connection, by_address=project is not None)


def _as_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode() + b"\n"
