"""A project that stops being orderable gets its own sampling back, and is left in peace until it changes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.loop.poller import Poller
from backend.loop.publish import SAMPLING
from backend.loop.worker import look_again
from backend.project.connect import connect
from backend.project.control import round_now
from backend.project.overview import project_status
from backend.services import Services
from tests.backend.label_studio.media_servers import MediaServer, Served
from tests.fakes.label_studio import FakeLabelStudio

PICTURES = '<View><Image name="i" value="$image"/><Rating name="r" toName="i"/></View>'
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


def picture(red: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 90, 90)).save(held, "PNG")
    return held.getvalue()


def with_hosts(services: Services, hosts: str) -> Services:
    """Return the world of a process that was started with these hosts."""
    return Services(services.settings.model_copy(update={"media_hosts": hosts}))


def test_media_on_a_host_that_is_not_allowed_settle_the_project_and_the_setting_brings_it_back(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, served: int
) -> None:
    label_studio.update_project(served, label_config=PICTURES)
    with MediaServer() as server:
        host = server.entry
        for number, task in enumerate(fake.world.tasks.values()):
            server.files[f"/{number}.png"] = Served(picture(20 * number))
            address = f"{host}/{number}.png"
            task |= {"data": {"image": address}, "updated_at": "2090-01-01T00:00:00.000000Z"}
        assert perform_round(served, services) == "cannot be ordered"
        assert project_of(fake, served)["sampling"] == "Uniform sampling"
        status = project_status(services.store, served)
        assert f"8 tasks: files at {host} are not fetched; set CLEAN_AL_MEDIA_HOSTS={host}" in str(
            status.problem
        )
        asked = len(services.redis.keys("rq:job:*"))
        look_again(services)
        Poller(services).tick()
        assert len(services.redis.keys("rq:job:*")) == asked, "nothing has changed"
        allowed = with_hosts(services, host)
        look_again(allowed)
        assert len(services.redis.keys("rq:job:*")) == asked + 1
        assert perform_round(served, allowed) == "published"
        assert project_of(fake, served)["sampling"] == SAMPLING
        look_again(allowed)
        assert len(services.redis.keys("rq:job:*")) == asked + 1, "once is enough"


@pytest.mark.parametrize("status", [401, 403])
def test_media_that_want_a_login_settle_the_project_and_retrain_looks_again(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, served: int, status: int
) -> None:
    label_studio.update_project(served, label_config=PICTURES)
    with MediaServer() as server:
        world = with_hosts(services, server.entry)
        for number, task in enumerate(fake.world.tasks.values()):
            server.files[f"/{number}.png"] = Served(status=status)
            address = f"{server.entry}/{number}.png"
            task |= {"data": {"image": address}, "updated_at": "2090-01-01T00:00:00.000000Z"}
        assert perform_round(served, world) == "cannot be ordered"
        assert project_of(fake, served)["sampling"] == "Uniform sampling"
        said = str(project_status(services.store, served).problem)
        assert f"refuses the file ({status}): it wants a login or a signed link; sign the links" in said
        assert f"`clean-al retrain {served}` looks again" in said
        asked, jobs = len(server.asked), len(services.redis.keys("rq:job:*"))
        Poller(world).tick()
        assert (len(server.asked), len(services.redis.keys("rq:job:*"))) == (asked, jobs)
        for number in range(8):
            server.files[f"/{number}.png"] = Served(picture(20 * number))
        round_now(world, served)
        assert perform_round(served, world) == "published"
        assert project_of(fake, served)["sampling"] == SAMPLING


def test_a_storage_that_nobody_has_connected_settles_the_project_until_it_is(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, served: int
) -> None:
    label_studio.update_project(served, label_config=PICTURES)
    for number, task in enumerate(fake.world.tasks.values()):
        data = {"image": f"s3://notes/{number}.png"}
        task |= {"data": data, "updated_at": "2090-01-01T00:00:00.000000Z"}
    assert perform_round(served, services) == "cannot be ordered"
    assert project_of(fake, served)["sampling"] == "Uniform sampling"
    said = str(project_status(services.store, served).problem)
    assert "8 tasks: no storage of the project leads to s3://notes; connect it in Label Studio" in said
    fake.world.files[f"/projects/{served}/resolve/"] = picture(90)
    round_now(services, served)
    assert perform_round(served, services) == "published"
