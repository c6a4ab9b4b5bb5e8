"""A project that stops being orderable gets its own sampling back, and is left in peace until it changes."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.loop.poller import Poller
from backend.loop.publish import SAMPLING
from backend.project.connect import connect
from backend.project.overview import project_status
from backend.services import Services
from tests.fakes.label_studio import FakeLabelStudio

VIDEO = '<View><Video name="v" value="$text"/><Rating name="r" toName="v"/></View>'


@pytest.fixture
def served(fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int) -> int:
    """A project that is served, and was sampled uniformly before."""
    label_studio.update_project(project_id, sampling="Uniform sampling")
    label_studio.import_tasks(project_id, [{"data": {"text": f"a text {i}"}} for i in range(8)])
    connect(services, project_id)
    assert perform_round(project_id, services) == "published"
    assert fake.world.projects[project_id]["sampling"] == SAMPLING
    return project_id


def project_of(fake: FakeLabelStudio, project: int) -> dict[str, Any]:
    return dict(fake.world.projects[project])


def blank(fake: FakeLabelStudio, project: int) -> None:
    for task in fake.world.tasks.values():
        if task["project"] == project:
            task |= {"data": {"text": ""}, "updated_at": "2090-01-01T00:00:00.000000Z"}


def test_it_is_served_as_before_and_says_why(fake: FakeLabelStudio, services: Services, served: int) -> None:
    blank(fake, served)
    assert perform_round(served, services) == "cannot be ordered"
    assert project_of(fake, served)["sampling"] == "Uniform sampling"
    assert project_of(fake, served)["model_version"] == ""
    status = project_status(services.store, served)
    assert status.state == "cannot be ordered"
    assert status.problem is not None
    assert "none of the 8 tasks can be read" in status.problem
    assert "again in" not in status.problem


def test_nothing_is_tried_again_until_the_project_changes(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, served: int
) -> None:
    blank(fake, served)
    perform_round(served, services)
    poller, asked = Poller(services), len(services.redis.keys("rq:job:*"))
    poller.tick()
    assert len(services.redis.keys("rq:job:*")) == asked
    label_studio.import_tasks(served, [{"data": {"text": "one to read"}}])
    Poller(services).tick()
    assert len(services.redis.keys("rq:job:*")) == asked + 1
    assert perform_round(served, services) == "published"
    assert project_of(fake, served)["sampling"] == SAMPLING
    assert project_status(services.store, served).state == "waiting for labels"
