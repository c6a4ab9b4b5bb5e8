"""What is found out before anything is changed, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.errors import ProjectNotOrderable
from backend.label_studio.client import LabelStudio
from backend.project.connect import connect
from backend.project.outlook import look_ahead
from backend.services import Services
from tests.backend.samples import IMAGE_CONFIG
from tests.fakes.label_studio import FakeLabelStudio

AUDIO = '<View><Audio name="a" value="$sound"/><Rating name="r" toName="a"/></View>'

CUSTOM = AUDIO.replace("Audio", "Custom")


def project_with(client: LabelStudio, config: str, *data: dict[str, Any]) -> int:
    project = int(client.create_project(title="A project", label_config=config)["id"])
    client.import_tasks(project, [{"data": each} for each in data])
    return project


def test_a_project_of_texts_is_learned_and_read(
    services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    ids = label_studio.import_tasks(project_id, [{"data": {"text": "a"}}, {"data": {"text": ""}}])
    label_studio.import_predictions(project_id, [{"task": ids[0], "model_version": "old", "result": []}])
    found = look_ahead(services, project_id)
    assert (found.verdict.outcome, found.verdict.why) == ("learned", "learns topic (<Choices>)")
    assert (found.tasks, found.looked_at, found.readable, found.problem) == (2, 2, 1, None)
    assert found.predictions == {"old": 1}
    assert "1 of 2 tasks that were looked at can be read" in found.lines()


def test_an_empty_project_takes_what_comes(services: Services, project_id: int) -> None:
    assert look_ahead(services, project_id).problem is None
    connect(services, project_id)


@pytest.mark.parametrize(
    ("config", "data", "why"),
    [
        (CUSTOM, {"sound": "https://elsewhere.example/a.wav"}, "nothing to learn from on <Custom>"),
        (AUDIO, {"sound": "https://elsewhere.example/a.wav"}, "MEDIA_HOSTS=elsewhere.example to allow it"),
        (IMAGE_CONFIG, {"image": "https://elsewhere.example/a.png"}, "none of the 1 tasks"),
        (IMAGE_CONFIG, {"image": None}, "they are empty"),
    ],
)
def test_what_would_only_be_served_at_random_is_refused_and_left_alone(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    config: str,
    data: dict[str, Any],
    why: str,
) -> None:
    project = project_with(label_studio, config, data)
    before = dict(fake.world.projects[project])
    with pytest.raises(ProjectNotOrderable, match=why) as refused:
        connect(services, project)
    assert "nothing was changed" in str(refused.value)
    assert fake.world.projects[project] == before
    assert not fake.world.webhooks
    assert not fake.world.ml_backends
    assert services.store.project_ids() == []


def test_a_dry_run_says_and_changes_nothing(
    call: Any, fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    label_studio.import_tasks(project_id, [{"data": {"text": "a"}}])
    result = call("connect", str(project_id), "--dry-run")
    assert result.code == 0
    assert 'learned: <Choices name="topic">' in result.out
    assert "read of each task: text of $text" in result.out
    assert not fake.world.webhooks
    assert not fake.world.ml_backends
    assert services.store.project_ids() == []
    other = project_with(label_studio, CUSTOM, {"sound": "a.wav"})
    result = call("connect", str(other), "--dry-run", "--json")
    assert result.code == 1
    assert "nothing to learn from" in json.loads(result.out)["outlook"]["problem"]
    assert call("connect", str(other)).code == 1
