"""The fake's addresses: each pattern leads to a function of the request."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from uuid import uuid4

from tests.fakes.label_studio_pages import task_page, whole
from tests.fakes.label_studio_queue import next_task
from tests.fakes.label_studio_world import Json, Refused, World, invalid


@dataclass
class Request:
    """One request, and afterwards how it was answered."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    raw: bytes = field(repr=False)
    client: tuple[str, int] = ("", 0)
    user: int = 0
    status: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def body(self) -> Any:
        """The JSON that came along."""
        return json.loads(self.raw or b"{}")


@dataclass(frozen=True)
class Answer:
    """What goes back: a status and JSON, or bytes as they are."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[World, Request, list[int]], Answer]


def answer(world: World, request: Request) -> Answer:
    """Return what Label Studio says to a request of a known user."""
    for method, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return handler(world, request, [int(number) for number in match.groups()])
    if request.path in world.files and request.method == "GET":
        return Answer(200, world.files[request.path])
    if request.path.startswith("/data/upload/"):  # the real one stumbles over an upload that is gone
        return Answer(500, {"detail": "'NoneType' object has no attribute 'has_permission'"})
    return Answer(404, {"detail": "Not Found"})


def _projects(world: World, request: Request, _: list[int]) -> Answer:
    page, size = int(request.params.get("page", 1)), int(request.params.get("page_size", 30))
    numbers = sorted(world.projects, reverse=True)
    shown = [world.described(number) for number in numbers[(page - 1) * size : page * size]]
    following = "next page" if len(numbers) > page * size else None
    return Answer(200, {"count": len(numbers), "next": following, "previous": None, "results": shown})


def _counts(world: World, request: Request, _: list[int]) -> Answer:
    wanted = [int(number) for number in request.params["ids"].split(",")]
    fields = request.params["include"].split(",")
    rows = [world.described(number) for number in wanted if number in world.projects]
    shown = [{name: row[name] for name in fields} for row in rows]
    return Answer(200, {"count": len(shown), "next": None, "previous": None, "results": shown})


def _import(world: World, request: Request, numbers: list[int]) -> Answer:
    project = world.get("projects", numbers[0])["id"]
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return _upload(world, request, project)
    items = request.body if isinstance(request.body, list) else [request.body]
    if not items:
        raise invalid("non_field_errors", "load_tasks: No tasks added")
    ids = world.add_tasks(project, items, request.user)
    shown: Json = {"task_count": len(ids), "annotation_count": 0, "prediction_count": 0}
    if request.params.get("return_task_ids") == "true":
        shown["task_ids"] = ids
    return Answer(201, shown)


def _upload(world: World, request: Request, project: int) -> Answer:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + request.raw).iter_parts()
    ids = []
    for part in parts:
        name = (part.get_filename() or "file").replace(" ", "_")
        number = world.new_id("uploads")
        world.uploads[number] = f"upload/{project}/{uuid4().hex[:8]}-{name}"
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        world.files["/data/" + world.uploads[number]] = content
        ids.append(number)
    if request.params.get("commit_to_project") != "false":
        raise Refused(501, "the fake makes no tasks of files; upload with commit_to_project=false")
    return Answer(201, {"task_count": len(ids), "file_upload_ids": ids})


def _file_upload(world: World, request: Request, numbers: list[int]) -> Answer:
    return Answer(200, {"id": numbers[0], "file": world.uploads[numbers[0]]})


def _next(world: World, request: Request, numbers: list[int]) -> Answer:
    world.get("projects", numbers[0])
    found = next_task(world, numbers[0], request.user)
    if found is None:
        raise Refused(404, f"There are no tasks for {world.users[request.user]['email']}")
    version = world.projects[numbers[0]]["model_version"]
    task = whole(world, found[0])
    task["predictions"] = [one for one in task["predictions"] if one["model_version"] == version]
    return Answer(200, task | {"annotations": [], "queue": found[1]})


def _action(world: World, request: Request, _: list[int]) -> Answer:
    if request.params.get("id") != "delete_tasks":
        raise Refused(501, f"the fake has no Data Manager action {request.params.get('id')}")
    project, chosen = int(request.params["project"]), request.body["selectedItems"]
    done = world.delete_tasks(project, chosen["included"])
    return Answer(200, {"processed_items": done, "reload": False, "detail": f"Deleted {done} tasks"})


def _change_task(world: World, request: Request, numbers: list[int]) -> Answer:
    task = world.get("tasks", numbers[0])
    task.update({name: value for name, value in request.body.items() if name in ("data", "meta", "overlap")})
    world.touch(numbers[0])
    # Label Studio takes it as it is told, and counts anew with the next annotation.
    task["is_labeled"] = request.body.get("is_labeled", task["is_labeled"])
    return Answer(200, whole(world, task))


def _delete_all_tasks(world: World, request: Request, numbers: list[int]) -> Answer:
    world.delete_tasks(numbers[0], [task["id"] for task in world.tasks_of(numbers[0])], silent=True)
    return Answer(204)


def _list(kind: str) -> Handler:
    def handler(world: World, request: Request, _: list[int]) -> Answer:
        project = int(request.params.get("project", 0))
        if project not in world.projects and kind == "webhooks":
            what = "Select a valid choice. That choice is not one of the available choices."
            raise invalid("project", what)
        world.get("projects", project)
        return Answer(200, [one for one in getattr(world, kind).values() if one["project"] == project])

    return handler


def _get(kind: str) -> Handler:
    return lambda world, _, numbers: Answer(200, world.get(kind, numbers[0]))


def _delete(kind: str) -> Handler:
    def handler(world: World, _: Request, numbers: list[int]) -> Answer:
        world.get(kind, numbers[0])
        del getattr(world, kind)[numbers[0]]
        return Answer(204)

    return handler


def _done(do: Callable[[World, Request, list[int]], Any], status: int = 200) -> Handler:
    """Return a handler that answers with what `do` returns; nothing becomes 204."""

    def handler(world: World, request: Request, numbers: list[int]) -> Answer:
        made = do(world, request, numbers)
        return Answer(204) if made is None else Answer(status, made)

    return handler


def add_webhook(world: World, fields: Json) -> Json:
    """Return the new webhook."""
    project = fields.get("project")
    if project is not None and project not in world.projects:
        raise invalid("project", f'Invalid pk "{project}" - object does not exist.')
    number = world.new_id("webhooks")
    defaults = {"send_payload": True, "send_for_all_actions": True, "headers": {}, "is_active": True}
    world.webhooks[number] = {"id": number, "project": None} | defaults | {"actions": []} | fields
    return world.webhooks[number]


def _change_webhook(world: World, request: Request, numbers: list[int]) -> Json:
    webhook = world.get("webhooks", numbers[0])
    webhook.update(request.body)
    return webhook


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/api/version", _done(lambda *_: {"release": "1.23.2"})),
    ("GET", "/api/current-user/whoami", _done(lambda w, r, n: w.users[r.user])),
    ("GET", "/api/projects/", _projects),
    ("POST", "/api/projects/", _done(lambda w, r, n: w.add_project(r.body, r.user), 201)),
    ("GET", "/api/projects/counts/", _counts),
    ("GET", r"/api/projects/(\d+)/", _done(lambda w, r, n: w.described(n[0]))),
    ("PATCH", r"/api/projects/(\d+)/", _done(lambda w, r, n: w.change_project(n[0], r.body))),
    ("DELETE", r"/api/projects/(\d+)/", _done(lambda w, r, n: w.delete_project(n[0]))),
    ("GET", r"/api/projects/(\d+)/next", _next),
    ("POST", r"/api/projects/(\d+)/import", _import),
    ("GET", r"/api/import/file-upload/(\d+)", _file_upload),
    ("DELETE", r"/api/projects/(\d+)/tasks/", _delete_all_tasks),
    (
        "POST",
        r"/api/projects/(\d+)/import/predictions",
        _done(lambda w, r, n: {"created": w.add_predictions(n[0], r.body)}, 201),
    ),
    ("GET", r"/api/projects/(\d+)/model-versions/", _done(lambda w, r, n: w.model_versions(n[0]))),
    (
        "DELETE",
        r"/api/projects/(\d+)/model-versions/",
        _done(lambda w, r, n: {"deleted_predictions": w.delete_version(n[0], r.body["model_version"])}),
    ),
    ("GET", "/api/tasks/", _done(lambda w, r, n: task_page(w, r.params))),
    ("GET", r"/api/tasks/(\d+)/", _done(lambda w, r, n: whole(w, w.get("tasks", n[0])))),
    ("PATCH", r"/api/tasks/(\d+)/", _change_task),
    ("POST", "/api/dm/actions/", _action),
    ("GET", "/api/dm/views/", _done(lambda w, r, n: w.tabs_of(int(r.params["project"])))),
    ("POST", "/api/dm/views/", _done(lambda w, r, n: w.add_tab(r.body), 201)),
    ("DELETE", r"/api/dm/views/(\d+)/", _done(lambda w, r, n: w.delete_tab(n[0]), 204)),
    (
        "POST",
        r"/api/tasks/(\d+)/annotations/",
        _done(lambda w, r, n: w.add_annotation(n[0], r.body, r.user), 201),
    ),
    ("PATCH", r"/api/annotations/(\d+)/", _done(lambda w, r, n: w.change_annotation(n[0], r.body))),
    ("DELETE", r"/api/annotations/(\d+)/", _done(lambda w, r, n: w.delete_annotation(n[0]))),
    ("DELETE", r"/api/predictions/(\d+)/", _done(lambda w, r, n: w.delete_prediction(n[0]))),
    ("GET", "/api/webhooks/", _list("webhooks")),
    ("POST", "/api/webhooks/", _done(lambda w, r, n: add_webhook(w, r.body), 201)),
    ("PATCH", r"/api/webhooks/(\d+)/", _done(_change_webhook)),
    ("DELETE", r"/api/webhooks/(\d+)/", _delete("webhooks")),
]
"""What is under /api/ml calls other servers and has a room of its own, `label_studio_backends`."""
