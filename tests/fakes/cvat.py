"""An in-memory CVAT that answers HTTP on loopback. It takes a request only if cvat-sdk's own models do.

What it answers is read by the SDK through the same models, so neither side can drift from the published API.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from itertools import count
from typing import Any
from urllib.parse import unquote

from PIL import Image

from tests.fakes.label_studio import Fault
from tests.fakes.label_studio_routes import Answer, Request
from tests.fakes.label_studio_socket import Server

Json = dict[str, Any]
NOW = "2026-11-27T12:00:00.000000Z"
TOKEN = "cvat-t0ken-of-these-tests"
PASSWORD = "cvat-p4ssw0rd"
SESSION = "cvat-s3ssion"


class FakeCvat:
    """A CVAT to test against; use it as a context manager.

    Attributes
    ----------
    projects, tasks, jobs : dicts by id
        What it knows; a task has `frames` (name, width, height), a job the annotations that `annotate` gave.
    files : dict of (task, name) to bytes
        The images that were uploaded.
    refused : list of str
        What the models said of requests that they do not take.
    """

    def __init__(self) -> None:
        self.projects: dict[int, Json] = Things()
        self.tasks: dict[int, Json] = Things()
        self.jobs: dict[int, Json] = Things()
        self.files: dict[tuple[int, str], bytes] = {}
        self.requests: list[Request] = []
        self.refused: list[str] = []
        self.running: dict[str, Json] = {}
        self.broken_images = ""
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._ids = count(1)
        self._server: Server | None = None

    def __enter__(self) -> FakeCvat:
        self._server = Server(self, 0)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.end()

    @property
    def url(self) -> str:
        """Its address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, kind: str, **where: Any) -> None:
        """Let the next matching requests fail; see `Fault`."""
        self._faults.append(Fault(kind, **where))

    def heal(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def seen(self, method: str, path: str) -> list[Request]:
        """Return the logged requests of a method whose whole path matches a pattern."""
        return [one for one in self.requests if one.method == method and re.fullmatch(path, one.path)]

    # What annotators do

    def label(self, name: str) -> Json:
        """Return a label by its name."""
        labels = (label for project in self.projects.values() for label in project["labels"])
        return next(label for label in labels if label["name"] == name)

    def annotate(self, job: int, **said: list[Json]) -> None:
        """Say something in a job: `shapes`, `tags` and `tracks` as the SDK's models have them."""
        _checked("LabeledDataRequest", {"version": 0, **said})
        self.jobs[job]["said"] = {"version": 0, "tags": [], "shapes": [], "tracks": [], **said}

    def shape(
        self, label: str, frame: int, points: list[float], kind: str = "rectangle", **more: Any
    ) -> Json:
        """Return a shape."""
        told = {"type": kind, "label_id": self.label(label)["id"], "frame": frame, "points": points}
        return told | {"source": "manual"} | more

    def tag(self, label: str, frame: int, **attributes: str) -> Json:
        """Return a tag, with attributes by their names."""
        found = self.label(label)
        return {"label_id": found["id"], "frame": frame, "attributes": self.values(label, **attributes)}

    def values(self, label: str, **attributes: str) -> list[Json]:
        """Return values of a label's attributes."""
        specs = {each["name"]: each["id"] for each in self.label(label)["attributes"]}
        return [{"spec_id": specs[name], "value": value} for name, value in attributes.items()]

    def finish(self, job: int, state: str = "completed") -> None:
        """Set a job's state."""
        self.jobs[job]["state"] = state

    # HTTP

    def note(self, request: Request) -> Fault | None:
        """Log a request, and return the fault that hits it."""
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self._faults if one.meets(request)), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault

    def answer(self, request: Request) -> Answer:
        """Do what a request asks."""
        with self._lock:
            if request.path == "/api/auth/login":
                return self._login(request)
            if not self._knows(request):
                return Answer(401, {"detail": "Authentication credentials were not provided."})
            for method, pattern, handler in self._routes():
                match = re.fullmatch(pattern, request.path)
                if match and method == request.method:
                    return self._checked_answer(handler, request, match)
            return Answer(404, {"detail": "Not found."})

    def _checked_answer(
        self, handler: Callable[..., Answer], request: Request, match: re.Match[str]
    ) -> Answer:
        try:
            return handler(request, *(int(n) if n.isdigit() else n for n in match.groups()))
        except Gone:
            return Answer(404, {"detail": "Not found."})
        except Refused as error:
            self.refused.append(str(error))
            return Answer(400, {"non_field_errors": [str(error)]})

    def _login(self, request: Request) -> Answer:
        body = request.body
        _checked("LoginSerializerExRequest", body)
        if body.get("password") != PASSWORD:
            return Answer(400, {"non_field_errors": ["Unable to log in with provided credentials."]})
        cookies = {"Set-Cookie": f"sessionid={SESSION}; csrftoken=xyz; Path=/"}
        return Answer(200, {"key": "k"}, cookies)

    def _knows(self, request: Request) -> bool:
        has_session = f"sessionid={SESSION}" in request.headers.get("cookie", "")
        return has_session or request.headers.get("authorization") == f"Bearer {TOKEN}"

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", "/api/projects", self._list(self._described_project, self.projects)),
            ("POST", "/api/projects", self._new_project),
            (
                "GET",
                r"/api/projects/(\d+)",
                lambda r, n: Answer(200, self._described_project(self.projects[n])),
            ),
            ("PATCH", r"/api/projects/(\d+)", self._change_project),
            ("GET", "/api/labels", self._labels),
            ("GET", "/api/tasks", self._list(self._described_task, self.tasks)),
            ("POST", "/api/tasks", self._new_task),
            ("GET", r"/api/tasks/(\d+)", lambda r, n: Answer(200, self._described_task(self.tasks[n]))),
            ("DELETE", r"/api/tasks/(\d+)", self._delete_task),
            ("POST", r"/api/tasks/(\d+)/data/?", self._data),
            ("GET", r"/api/tasks/(\d+)/data/meta", self._meta),
            ("GET", "/api/requests", self._list_requests),
            ("GET", r"/api/requests/(.+)", lambda r, key: Answer(200, self._advanced(unquote(str(key))))),
            ("GET", "/api/jobs", self._list(self._described_job, self.jobs)),
            ("GET", r"/api/jobs/(\d+)", lambda r, n: Answer(200, self._described_job(self.jobs[n]))),
            ("GET", r"/api/jobs/(\d+)/annotations/?", lambda r, n: Answer(200, self.jobs[n]["said"])),
        ]

    def _list(self, described: Callable[[Json], Json], things: dict[int, Json]) -> Callable[..., Answer]:
        def handler(request: Request) -> Answer:
            chosen = [described(each) for each in things.values()]
            for name in ("project_id", "task_id"):
                if name in request.params:
                    chosen = [each for each in chosen if each[name] == int(request.params[name])]
            return _page(request, chosen)

        return handler

    def _new_project(self, request: Request) -> Answer:
        body = _checked("ProjectWriteRequest", request.body)
        number = next(self._ids)
        self.projects[number] = {"id": number, "bug_tracker": ""} | body | {"labels": []}
        self._add_labels(self.projects[number], body.get("labels") or [])
        return Answer(201, self._described_project(self.projects[number]))

    def _change_project(self, request: Request, number: int) -> Answer:
        body = _checked("PatchedProjectWriteRequest", request.body)
        self._add_labels(self.projects[number], body.pop("labels", []))
        self.projects[number].update(body)
        return Answer(200, self._described_project(self.projects[number]))

    def _add_labels(self, project: Json, labels: list[Json]) -> None:
        names = [label["name"] for label in (*project["labels"], *labels)]
        if len(set(names)) < len(names):
            raise Refused("All label names must be unique for the project")
        for label in labels:
            attributes = [{"id": next(self._ids)} | each for each in label.get("attributes") or []]
            told = {"type": "any", "color": "#000000"} | label
            for each in attributes:
                if each["input_type"] == "select" and each["default_value"] not in each["values"]:
                    raise Refused(f"The default value of {each['name']} is none of its values")
            project["labels"].append(told | {"id": next(self._ids), "attributes": attributes})

    def _described_project(self, project: Json) -> Json:
        rest = {key: value for key, value in project.items() if key != "labels"}
        links = {"tasks": {"count": 0, "url": ""}, "labels": {"url": ""}}
        return rest | links | {"created_date": NOW, "updated_date": NOW, "organization": None}

    def _labels(self, request: Request) -> Answer:
        project = self.projects[int(request.params["project_id"])]
        return _page(request, project["labels"])

    def _new_task(self, request: Request) -> Answer:
        body = _checked("TaskWriteRequest", request.body)
        if body["project_id"] not in self.projects:
            raise Refused("The specified project does not exist")
        number = next(self._ids)
        self.tasks[number] = {"id": number, "frames": [], "deleted": [], "uploaded": {}} | body
        return Answer(201, self._described_task(self.tasks[number]))

    def _described_task(self, task: Json) -> Json:
        links = {"jobs": {"completed": 0, "validation": 0, "count": 0, "url": ""}, "labels": {"url": ""}}
        told = {"id": task["id"], "name": task["name"], "project_id": task["project_id"]}
        return told | links | {"size": len(task["frames"]), "created_date": NOW, "organization": None}

    def _delete_task(self, _: Request, number: int) -> Answer:
        del self.tasks[number]
        return Answer(204)

    def _data(self, request: Request, number: int) -> Answer:
        task = self.tasks[number]
        if task["frames"]:
            raise Refused("Adding more data is not supported")
        if "upload-start" in request.headers:
            return Answer(202, {})
        if "upload-multiple" in request.headers:
            task["uploaded"].update(_files(request))
            return Answer(200, {})
        body = _checked("DataRequest", request.body)
        if "job_file_mapping" in body and body.get("sorting_method", "lexicographical") != "lexicographical":
            raise Refused("job_file_mapping cannot be used with sorting_method")
        key = f"action=create&target=task&id={number}"
        self.running[key] = {"task": number, "body": body, "status": "queued"}
        return Answer(202, {"rq_id": key})

    def _advanced(self, key: str) -> Json:
        """Go on with a request in the background: each look finds it one step further."""
        request = self.running[key]
        steps = {"queued": "started", "started": "failed" if self.broken_images else "finished"}
        request["status"] = steps.get(request["status"], request["status"])
        if request["status"] == "finished" and not self.tasks[request["task"]]["frames"]:
            self._make_jobs(self.tasks[request["task"]], request["body"])
        return self._described_request(key)

    def _described_request(self, key: str) -> Json:
        request = self.running[key]
        operation = {"type": "create:task", "target": "task", "task_id": request["task"]}
        return {
            "id": key,
            "status": request["status"],
            "operation": operation,
            "created_date": NOW,
            "message": self.broken_images,
        }

    def _list_requests(self, request: Request) -> Answer:
        task = int(request.params["task_id"])
        found = [key for key, each in self.running.items() if each["task"] == task]
        return _page(request, [self._described_request(key) for key in found])

    def _make_jobs(self, task: Json, body: Json) -> None:
        jobs = body.get("job_file_mapping") or [_order(task, body)]
        order = [name for job in jobs for name in job]
        if sorted(order) != sorted(task["uploaded"]):
            raise Refused("the order does not name the files that were uploaded")
        for name in order:
            self.files[task["id"], name] = task["uploaded"][name]
            width, height = _size(task["uploaded"][name])
            frame = {"name": name, "width": width, "height": height, "related_files": 0}
            task["frames"].append(frame)
        begin = 0
        for job in jobs:
            self._add_job(task, begin, begin + len(job) - 1)
            begin += len(job)

    def _add_job(self, task: Json, begin: int, end: int, kind: str = "annotation") -> int:
        number = next(self._ids)
        told = {"id": number, "task_id": task["id"], "project_id": task["project_id"], "type": kind}
        span = {"start_frame": begin, "stop_frame": end, "frame_count": end - begin + 1}
        said = {"version": 0, "tags": [], "shapes": [], "tracks": []}
        self.jobs[number] = (
            told | span | {"state": "new", "stage": "annotation", "assignee": None, "said": said}
        )
        return number

    def _described_job(self, job: Json) -> Json:
        rest = {key: value for key, value in job.items() if key != "said" and value is not None}
        links = {"issues": {"url": "", "count": 0}, "labels": {"url": ""}}
        return rest | links | {"created_date": NOW, "updated_date": NOW, "organization": None}

    def _meta(self, _: Request, number: int) -> Answer:
        task = self.tasks[number]
        told = {"frames": task["frames"], "deleted_frames": task["deleted"], "chunks_updated_date": NOW}
        last = max(len(task["frames"]) - 1, 0)
        return Answer(200, told | {"size": len(task["frames"]), "start_frame": 0, "stop_frame": last})


class Gone(Exception):
    """What is not there."""


class Things(dict[int, Json]):
    """Things by id."""

    def __missing__(self, number: int) -> Json:
        raise Gone(number)


class Refused(Exception):
    """A request that CVAT does not take."""


def _checked(name: str, body: Json) -> Json:
    """Return a request's body if cvat-sdk's model of it takes that, each of its fields and no other."""
    from cvat_sdk import exceptions, models
    from cvat_sdk.api_client import Configuration

    model = getattr(models, name)
    unknown = body.keys() - model.openapi_types.keys()
    if unknown:
        raise Refused(f"{name} has no field {sorted(unknown)[0]}")
    try:
        model._from_openapi_data(**body, _configuration=Configuration())
    except (exceptions.OpenApiException, TypeError) as error:
        raise Refused(f"{name}: {error}") from None
    return dict(body)


def _page(request: Request, found: list[Json]) -> Answer:
    # Two a page: whoever reads only the first is found out.
    page, size = int(request.params.get("page", 1)), 2
    part = found[(page - 1) * size : page * size]
    following = "next page" if len(found) > page * size else None
    return Answer(200, {"count": len(found), "next": following, "previous": None, "results": part})


def _order(task: Json, body: Json) -> list[str]:
    if body.get("sorting_method") == "predefined":
        return list(body["upload_file_order"])
    return sorted(task["uploaded"])


def _files(request: Request) -> dict[str, bytes]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + request.raw).iter_parts()
    found = {}
    for part in parts:
        name = part.get_filename()
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            # As Django does: of a path in a form only the last step is kept.
            found[name.rsplit("/", 1)[-1]] = content
    return found


def _size(content: bytes) -> tuple[int, int]:

    with Image.open(io.BytesIO(content)) as image:
        return image.size
