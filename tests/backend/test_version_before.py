"""What 0.1 left in MODEL_DIR and in Label Studio, and what this version makes of it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from backend.loop.jobs import perform_round
from backend.loop.publish import SAMPLING
from backend.project.connect import disconnect
from backend.project.overview import project_status
from backend.secrets import ml_backend_login
from backend.services import Services
from backend.store.connection import is_connected, read_connection
from backend.store.progress import ProgressFile
from backend.web import create_app
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

STORED = Path(__file__).parent / "data" / "model_dir_0_1.tar.gz"
PROJECT, TASKS, LABELED = 1, 50, 40
OF_A_TOPIC = {"cats": "purr fur paw", "money": "loan bank coin", "conflict": "truce army siege"}


@pytest.fixture(autouse=True)
def _left_by_the_version_before(
    fake: FakeLabelStudio, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fakes import label_studio_outgoing as outgoing

    monkeypatch.setattr(outgoing, "reach", lambda *_: None)
    monkeypatch.setattr(outgoing, "send_webhook", lambda *_: None)
    with tarfile.open(STORED) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "model_dir").rename(services.settings.model_dir)
    for kind, stored in json.loads((tmp_path / "label_studio.json").read_text()).items():
        getattr(fake.world, kind).update({one["id"]: one for one in stored})
        fake.world._ids[kind] = max(one["id"] for one in stored)


def queue_of(fake: FakeLabelStudio) -> list[int]:
    """The order in which Label Studio serves the tasks now."""
    version = fake.world.projects[PROJECT]["model_version"]
    rows = [p for p in fake.world.predictions.values() if p["model_version"] == version]
    return [p["task"] for p in sorted(rows, key=lambda p: p["score"])]


def label_the_next(services: Services, n: int) -> list[int]:
    """Label so many tasks of the head; the right topic goes round with the task's id, as it was stored."""
    published = services.store.published(PROJECT)
    assert published is not None
    done = list(published.head[:n])
    for task in done:
        services.label_studio.annotate(task, chosen(["cats", "money", "conflict"][task % 3]))
    return done


def predict(services: Services, texts: list[str]) -> Any:
    user, password = ml_backend_login(services.settings)
    tasks = [{"id": 1000 + n, "data": {"text": text}} for n, text in enumerate(texts)]
    body = {"tasks": tasks, "project": "1.17"}
    client = create_app(services.settings).test_client()
    answer = client.post("/predict", json=body, auth=(user, password))
    assert answer.status_code == 200
    return answer.json


def test_its_state_is_read(services: Services) -> None:
    status = project_status(services.store, PROJECT)
    assert (status.state, status.connected, status.webhook) == ("learning", True, True)
    assert (status.labels, status.candidates, status.queue) == (LABELED, TASKS - LABELED, TASKS - LABELED)
    assert (status.rounds, status.has_model, status.problem) == (3, True, None)
    assert status.accuracy.audit_labels == 4


def test_its_model_answers_until_there_is_a_newer_one(services: Services) -> None:
    published = services.store.published(PROJECT)
    assert published is not None
    answer = predict(services, list(OF_A_TOPIC.values()))
    assert answer["model_version"] == published.version
    assert [a["result"][0]["value"]["choices"] for a in answer["results"]] == [
        [topic] for topic in OF_A_TOPIC
    ]


def test_its_loop_goes_on(fake: FakeLabelStudio, services: Services) -> None:
    before = services.store.published(PROJECT)
    assert before is not None
    done = label_the_next(services, 4)
    # So few labels do not tell yet how often the model is right; every guess is to be shown all the same.
    (ml_backend,) = fake.world.ml_backends.values()
    ml_backend["extra_params"] = {"prefill": "always"}
    assert perform_round(PROJECT, services) == "published"
    after = services.store.published(PROJECT)
    assert after is not None
    assert (after.fence, after.previous, after.has_model) == (before.fence + 1, before.version, True)
    assert sorted(after.head) == sorted(set(before.head) - set(done))
    assert queue_of(fake) == list(after.head)
    assert set(before.drawn) <= set(after.drawn), "what was drawn at random stays known"
    status = project_status(services.store, PROJECT)
    assert (status.labels, status.candidates, status.rounds) == (LABELED + 4, TASKS - LABELED - 4, 4)
    answer = predict(services, list(OF_A_TOPIC.values()))
    assert answer["model_version"] == after.version
    assert [a["result"][0]["value"]["choices"] for a in answer["results"]] == [
        [topic] for topic in OF_A_TOPIC
    ]


def test_a_round_without_news_leaves_annotators_their_order_or_serves_one_of_its_own(
    fake: FakeLabelStudio, services: Services
) -> None:
    before = services.store.published(PROJECT)
    assert before is not None
    assert perform_round(PROJECT, services) in {"nothing new", "published"}
    after = services.store.published(PROJECT)
    assert after is not None
    assert queue_of(fake) == list(after.head)
    assert sorted(after.head) == sorted(before.head)
    assert ProgressFile(services.store.folder(PROJECT)).read().failures == 0


@pytest.mark.parametrize("rounds", [0, 1])
def test_what_it_found_is_put_back(rounds: int, fake: FakeLabelStudio, services: Services) -> None:
    assert fake.world.projects[PROJECT]["sampling"] == SAMPLING
    annotations = len(fake.world.annotations)
    for _ in range(rounds):
        annotations += len(label_the_next(services, 2))
        perform_round(PROJECT, services)
    said = disconnect(services, PROJECT)
    project = fake.world.projects[PROJECT]
    assert (project["sampling"], project["model_version"]) == ("Uniform sampling", "")
    assert fake.world.ml_backends == {}
    assert [w["url"] for w in fake.world.webhooks.values()] == ["http://example.org/hook"]
    assert fake.world.predictions == {}
    assert len(fake.world.annotations) == annotations
    assert read_connection(services.store, PROJECT) is None
    assert not is_connected(services.store, PROJECT)
    assert "the loop is off for this project" in said
