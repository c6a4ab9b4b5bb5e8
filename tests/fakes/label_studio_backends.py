"""The fake's ML backends. Label Studio calls a backend at almost every look at it, and so does this."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import requests

from tests.fakes import label_studio_outgoing as outgoing
from tests.fakes.label_studio_queue import next_task
from tests.fakes.label_studio_routes import Answer, Request, add_webhook
from tests.fakes.label_studio_world import Json, World, invalid


class Backends:
    """Answers /api/ml; our lock is free while a backend is called, for it may call us back."""

    def __init__(self, world: World, lock: threading.RLock, hostname: Callable[[], str], token: str):
        self._world, self._lock = world, lock
        self._hostname, self._token = hostname, token

    def answer(self, request: Request) -> Answer:
        """Return what a request under /api/ml gets."""
        number = re.match(r"/api/ml/(\d+)", request.path)
        if number is None and request.method == "POST":
            return Answer(201, self._create(request.body))
        if number is None:
            return Answer(200, self._list(int(request.params.get("project", 0))))
        return self._one(int(number[1]), request)

    def _create(self, fields: Json) -> Json:
        version = self._reach(fields, int(fields.get("project", 0)))
        with self._lock:
            return dict(self._stored(fields | {"model_version": version}))

    def _stored(self, fields: Json) -> Json:
        """Return the new backend; it gets a webhook, and is the project's model if there was none."""
        world = self._world
        number, project = world.new_id("ml_backends"), world.projects[fields["project"]]
        defaults = {"title": "", "extra_params": None, "auth_method": "NONE", "state": "CO"}
        made: Json = {"id": number, "is_interactive": False} | defaults | fields
        world.ml_backends[number] = made
        add_webhook(world, {"project": project["id"], "url": made["url"].rstrip("/") + "/webhook"})
        project["model_version"] = project["model_version"] or made["title"]
        return made

    def _list(self, project: int) -> list[Json]:
        with self._lock:
            self._world.get("projects", project)
            found = [one for one in self._world.ml_backends.values() if one["project"] == project]
        for one in found:
            try:
                one |= {"state": "CO", "model_version": self._reach(one, project)}
            except Exception:  # noqa: BLE001 - shown as a state, as in Label Studio
                one["state"] = "ER"
        return found

    def _one(self, number: int, request: Request) -> Answer:
        with self._lock:
            backend = self._world.get("ml_backends", number)
            project = self._world.described(backend["project"])
        if request.path.endswith("/train"):
            outgoing.start_training(backend, project)
            return Answer(200)
        if request.method == "PATCH":
            self._reach(backend | request.body, project["id"])
            with self._lock:
                self._change(backend, request.body)
                return Answer(200, dict(backend))
        if request.method == "DELETE":
            with self._lock:
                self._change(backend, {"title": ""})  # its webhook stays
                del self._world.ml_backends[number]
            return Answer(204)
        return Answer(200, dict(backend))

    def _change(self, backend: Json, fields: Json) -> None:
        """Set fields; the project's model version follows the title."""
        project, old = self._world.projects[backend["project"]], backend["title"]
        backend.update(fields)
        if project["model_version"] == old:
            project["model_version"] = backend["title"]

    def _reach(self, backend: Json, project: int) -> str | None:
        with self._lock:
            described = self._world.described(project)
        try:
            return outgoing.reach(backend, described, self._hostname(), self._token)
        except (requests.RequestException, ValueError) as error:
            what = f"Can't connect to ML backend {backend['url']}, health check failed: {error}"
            raise invalid("non_field_errors", what) from None

    def predict_next(self, project: int, user: int) -> None:
        """Get predictions for the task that a user is about to get, if the project's model is a live one."""
        with self._lock:
            described = self._world.described(project)
            backend = self._world.live_backend(project, described["model_version"] or "")
            found = next_task(self._world, project, user) if backend else None
        if backend is None or found is None or found[0]["total_predictions"]:
            return
        rows = outgoing.predict(backend, described, found[0])
        with self._lock:
            self._world.add_predictions(project, rows)
