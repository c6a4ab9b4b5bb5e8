"""What the backend relies on about webhooks, ML backends and files."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backend.errors import LabelStudioNotFound, LabelStudioRejected
from backend.label_studio.client import LabelStudio
from tests.contract.parts import GOOD, add_tasks, predict


class Receiver(ThreadingHTTPServer):
    """An ML backend that says yes to everything and remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def actions(self) -> list[str]:
        return [body["action"] for _, path, _, body in self.heard if path.startswith("/webhook")]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        heard = (self.command, self.path, dict(self.headers.items()), json.loads(raw or b"null"))
        self.server.heard.append(heard)
        results = [{"result": [], "score": 0.5, "model_version": "m1"}]
        content = json.dumps({"status": "UP", "model_version": "m1", "results": results}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _handle

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_webhook_tells_what_annotators_do(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    task = add_tasks(label_studio, project, 2)[0]
    url = f"{receiver.url}/webhook/{project}"
    hook = label_studio.create_webhook(project=project, url=url, headers={"X-Secret": "s"})
    made = label_studio.annotate(task, GOOD)["id"]
    label_studio.update_annotation(made, lead_time=2.0)
    label_studio.delete_annotation(made)
    label_studio.update_project(project, description="changed")
    add_tasks(label_studio, project, 1)
    label_studio.delete_tasks(project, [task])
    assert receiver.actions() == [
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "PROJECT_UPDATED",
        "TASKS_CREATED",
        "TASKS_DELETED",
    ]
    _, path, headers, body = receiver.heard[0]
    assert path == f"/webhook/{project}"
    assert headers["X-Secret"] == "s"
    assert (body["project"]["id"], body["task"]["id"], body["annotation"]["id"]) == (project, task, made)
    assert [one["id"] for one in label_studio.webhooks(project)] == [hook["id"]]


def test_importing_predictions_and_switching_the_version_says_only_project_updated(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    label_studio.create_webhook(project=project, url=receiver.url + "/webhook")
    predict(label_studio, project, "v1", {task: 0.5})
    assert receiver.actions() == []
    label_studio.update_project(project, model_version="v1")
    assert receiver.actions() == ["PROJECT_UPDATED"]
    label_studio.delete_model_version(project, "v1")
    assert receiver.actions() == ["PROJECT_UPDATED"]


def test_a_webhook_can_be_silent_and_deleted(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    hook = label_studio.create_webhook(project=project, url=receiver.url + "/webhook")["id"]
    assert label_studio.update_webhook(hook, is_active=False)["is_active"] is False
    label_studio.annotate(task, GOOD)
    assert receiver.actions() == []
    label_studio.update_webhook(hook, is_active=True, send_payload=False)
    label_studio.annotate(task, GOOD)
    assert receiver.heard[-1][3] == {"action": "ANNOTATION_CREATED"}
    label_studio.delete_webhook(hook)
    assert label_studio.webhooks(project) == []


def test_a_receiver_that_is_gone_does_not_hinder_the_annotator(
    label_studio: LabelStudio, project: int
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    label_studio.create_webhook(project=project, url="http://127.0.0.1:9/webhook")
    assert label_studio.annotate(task, GOOD)["task"] == task


def test_a_new_ml_backend_is_set_up_and_becomes_the_model(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    made = label_studio.create_ml_backend(
        project=project,
        url=receiver.url,
        title="loop",
        extra_params='{"queue_size": 50}',
        auth_method="BASIC_AUTH",
        basic_auth_user="user",
        basic_auth_pass="pass",
    )
    setup = next(body for _, path, _, body in receiver.heard if path == "/setup")
    assert setup["project"].split(".")[0] == str(project)
    assert setup["schema"] == label_studio.project(project)["label_config"]
    assert json.loads(setup["extra_params"]) == {"queue_size": 50}
    login = "Basic " + b64encode(b"user:pass").decode()
    assert receiver.heard[0][2]["Authorization"] == login
    assert made["model_version"] == "m1"
    assert label_studio.project(project)["model_version"] == "loop"
    hooks = label_studio.webhooks(project)
    assert [(one["url"], one["headers"]) for one in hooks] == [(receiver.url + "/webhook", {})]
    assert [one["id"] for one in label_studio.ml_backends(project)] == [made["id"]]


def test_every_look_at_an_ml_backend_calls_it(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    label_studio.create_ml_backend(project=project, url=receiver.url, title="loop")
    before = len(receiver.heard)
    label_studio.ml_backends(project)
    assert [path for _, path, _, _ in receiver.heard[before:]] == ["/health", "/setup"]


def test_a_deleted_ml_backend_leaves_its_webhook_and_sometimes_its_title(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    made = label_studio.create_ml_backend(project=project, url=receiver.url, title="loop")["id"]
    label_studio.update_ml_backend(made, project=project, url=receiver.url, title="renamed")
    assert label_studio.project(project)["model_version"] == "renamed"
    label_studio.delete_ml_backend(made)
    assert label_studio.ml_backends(project) == []
    # Nobody empties it once that server has deleted any project: docs/label-studio.md, "Defects".
    assert label_studio.project(project)["model_version"] in ("", "renamed")
    assert len(label_studio.webhooks(project)) == 1


def test_uncertainty_sampling_with_a_live_model_asks_it_for_predictions(
    label_studio: LabelStudio, project: int, receiver: Receiver
) -> None:
    made = add_tasks(label_studio, project, 3)
    label_studio.create_ml_backend(project=project, url=receiver.url, title="loop")
    label_studio.update_project(project, sampling="Uncertainty sampling")
    found = label_studio.next_task(project)
    assert found is not None
    assert found["id"] in made
    asked = [body for _, path, _, body in receiver.heard if path == "/predict"]
    assert [task["id"] for task in asked[0]["tasks"]] == [found["id"]]


def test_an_ml_backend_that_does_not_answer_is_refused(label_studio: LabelStudio, project: int) -> None:
    with pytest.raises(LabelStudioRejected, match="health check failed"):
        label_studio.create_ml_backend(project=project, url="http://127.0.0.1:9", title="loop")
    assert label_studio.ml_backends(project) == []


def test_an_uploaded_image_is_read_back_by_path_and_by_address(
    label_studio: LabelStudio, project: int
) -> None:
    content = bytes(range(256)) * 40
    path = label_studio.upload_file(project, "a dot.png", content, "image/png")
    assert path.startswith(f"/data/upload/{project}/")
    assert label_studio.counts(project).tasks == 0
    assert label_studio.download(path, max_bytes=len(content)) == content
    assert label_studio.download(label_studio.url + path, max_bytes=len(content)) == content
    with pytest.raises(LabelStudioRejected, match="larger than"):
        label_studio.download(path, max_bytes=len(content) - 1)
    with pytest.raises(LabelStudioNotFound):
        label_studio.download(f"/data/upload/{project}/gone.png", max_bytes=100)
