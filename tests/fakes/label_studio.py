"""An in-memory Label Studio that answers HTTP on loopback, keeps a log, and breaks when asked to.

It follows the real 1.23.2 in what the backend relies on; tests/contract holds both to the same promises.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import label_studio_outgoing as outgoing
from tests.fakes.label_studio_backends import Backends
from tests.fakes.label_studio_routes import Answer, Request, answer
from tests.fakes.label_studio_socket import Server
from tests.fakes.label_studio_tokens import Tokens
from tests.fakes.label_studio_world import Event, Json, Refused, World


@dataclass
class Fault:
    """What goes wrong, where, and how often.

    Parameters
    ----------
    kind : str
        `status` (answers `status` without doing anything), `reset` (cuts the connection before), `drop` (does
        it, then cuts the connection), `truncate` (does it, sends half the answer), `garbage` (does it,
        answers HTML), `slow` (waits `seconds` first).
    path, method : str
        Patterns that the whole path and method match.
    times : float
        How many requests it hits; `math.inf` until `heal`.
    """

    kind: str
    path: str = ".*"
    method: str = ".*"
    times: float = 1
    status: int = 500
    detail: str = "fault"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def meets(self, request: Request) -> bool:
        """Whether it is meant for this request."""
        found = re.fullmatch(self.path, request.path) and re.fullmatch(self.method, request.method)
        return bool(found)


class FakeLabelStudio:
    """A Label Studio to test against; use it as a context manager.

    Parameters
    ----------
    access_lifetime : float
        Seconds that an access token lives.
    legacy_tokens : bool
        Whether legacy tokens are accepted; by default, as in a fresh install, they are not.
    allow_private_addresses : bool
        Whether webhooks and ML backends on loopback are allowed.
    seed : int
        For the random orders.

    Attributes
    ----------
    token, legacy_token : str
        The admin's tokens, personal and legacy.
    world : World
        All that it knows; change it while holding `lock`.
    requests : list of Request
        The log, oldest first.
    deliveries : list of Delivery
        The webhooks that were sent, and what came of them.
    """

    def __init__(
        self,
        *,
        access_lifetime: float = 300,
        legacy_tokens: bool = False,
        allow_private_addresses: bool = True,
        seed: int = 0,
    ):
        self.world = World(seed)
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.deliveries: list[outgoing.Delivery] = []
        self.tokens = Tokens(access_lifetime, legacy_tokens)
        admin = self.world.add_user("admin@example.org")
        self.token = self.tokens.new_personal(admin)
        self.legacy_token = self.tokens.new_legacy(admin)
        self._backends = Backends(self.world, self.lock, lambda: self.url, self.legacy_token)
        self._allow_private_addresses = allow_private_addresses
        self._faults: list[Fault] = []
        self._server: Server | None = None
        self._port = 0

    def __enter__(self) -> FakeLabelStudio:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address, the same after every start."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._server = Server(self, self._port)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be down: connections break off and new ones are refused; everything is still known later."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def restart(self) -> None:
        """Go down and come back."""
        self.stop()
        self.start()

    def add_user(self, email: str | None = None) -> str:
        """Return the personal access token of a new user."""
        with self.lock:
            user = self.world.add_user(email or f"annotator{len(self.world.users)}@example.org")
            return self.tokens.new_personal(user)

    def fail(self, kind: str, **where: Any) -> None:
        """Let the next matching requests fail; see `Fault`."""
        with self.lock:
            self._faults.append(Fault(kind, **where))

    def heal(self) -> None:
        """Forget all faults."""
        with self.lock:
            self._faults.clear()

    def seen(self, method: str, path: str) -> list[Request]:
        """Return the logged requests of a method whose whole path matches a pattern."""
        with self.lock:
            return [one for one in self.requests if one.method == method and re.fullmatch(path, one.path)]

    def note(self, request: Request) -> Fault | None:
        """Log a request, and return the fault that hits it."""
        with self.lock:
            self.requests.append(request)
            fault = next((one for one in self._faults if one.meets(request)), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault

    def answer(self, request: Request) -> Answer:
        """Do what a request asks, and send the webhooks that it causes before answering."""
        try:
            return self._public(request) or self._as_user(request)
        except Refused as refused:
            told: Json = {"detail": refused.detail, "status_code": refused.status}
            if refused.validation:
                told["validation_errors"] = refused.validation
            return Answer(refused.status, told)

    def _public(self, request: Request) -> Answer | None:
        """Answer what needs no user."""
        if request.path == "/health":
            return Answer(200, {"status": "UP"})
        if not request.path.startswith(("/api/", "/data/", "/tasks/", "/projects/")):
            return Answer(404, {"detail": "Not Found"})
        if request.path != "/api/token/refresh/":
            return None
        access = self.tokens.trade(str(request.body.get("refresh")))
        return Answer(200, {"access": access}) if access else Answer(401, {"detail": "Token is invalid"})

    def _as_user(self, request: Request) -> Answer:
        user = self.tokens.user(request.headers.get("authorization", ""))
        if isinstance(user, str):
            return Answer(401, {"detail": user})
        request.user = user
        asked = (request.method, request.path)
        if asked in (("POST", "/api/webhooks/"), ("POST", "/api/ml")) and not self._allow_private_addresses:
            raise Refused(403, "URL resolves to a reserved network address (block: 127.0.0.0/8)")
        if request.path.startswith("/api/ml"):
            return self._backends.answer(request)
        if served := re.fullmatch(r"/api/projects/(\d+)/next", request.path):
            self._backends.predict_next(int(served[1]), user)
        found, events = self._changed(request)
        for event in events:
            self._tell_webhooks(*event)
        return found

    def _changed(self, request: Request) -> tuple[Answer, list[Event]]:
        """Return the answer, fixed while nobody else changes what it shows, and what happened."""
        with self.lock:
            found = answer(self.world, request)
            events, self.world.events = self.world.events, []
            content = found.content if isinstance(found.content, bytes) else json.dumps(found.content)
            return Answer(found.status, content, found.headers), json.loads(json.dumps(events))

    def _tell_webhooks(self, project: int, action: str, payload: Json) -> None:
        """Send an event as the real one does: in the request that caused it, 1 s, once."""
        with self.lock:
            hooks = [dict(one) for one in self.world.webhooks.values() if one["project"] in (project, None)]
            described = self.world.described(project) if project in self.world.projects else {}
        for hook in hooks:
            if not hook["is_active"] or not (hook["send_for_all_actions"] or action in hook["actions"]):
                continue
            more = payload | {"project": described} if hook["send_payload"] else {}
            self.deliveries.append(outgoing.send_webhook(hook, project, {"action": action} | more))
