"""A connection belongs to one project on one server, not to a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.errors import ForeignProject
from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.loop.poller import Poller
from backend.project.connect import connect, disconnect
from backend.project.doctor import diagnose_project
from backend.project.overview import project_status
from backend.services import Services
from backend.store.connection import bind, identity_of, read_connection, save_connection
from backend.store.files import read_json, write_json
from tests.backend.samples import TEXT_CONFIG
from tests.fakes.label_studio import FakeLabelStudio

STATE = "not the project that was connected"


@pytest.fixture(autouse=True)
def _reachable_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fakes call the backend when it is added; here none runs."""
    from tests.fakes import label_studio_outgoing as outgoing

    monkeypatch.setattr(outgoing, "reach", lambda *_: None)
    monkeypatch.setattr(outgoing, "send_webhook", lambda *_: None)


def filled(label_studio: LabelStudio, title: str) -> int:
    project = int(label_studio.create_project(title=title, label_config=TEXT_CONFIG)["id"])
    label_studio.import_tasks(project, [{"data": {"text": f"{title} {n}"}} for n in range(3)])
    return project


@pytest.fixture
def connected(services: Services, label_studio: LabelStudio) -> int:
    project = filled(label_studio, "ours")
    connect(services, project)
    return project


@pytest.fixture
def stranger() -> Iterator[FakeLabelStudio]:
    """Another server, with a project, an ML backend and a webhook of the same numbers."""
    with FakeLabelStudio() as other:
        client = LabelStudio(other.url, other.token, timeout=10, retries=0)
        project = filled(client, "theirs")
        client.create_ml_backend(project=project, url="http://127.0.0.1:7", title="Clean AL")
        for path in ("webhook", "elsewhere"):
            client.create_webhook(project=project, url=f"http://127.0.0.1:7/{path}")
        client.close()
        yield other


def at(services: Services, other: FakeLabelStudio) -> Services:
    """The same MODEL_DIR and Redis, with another Label Studio."""
    from pydantic import SecretStr

    update = {"label_studio_url": other.url, "label_studio_api_key": SecretStr(other.token)}
    return Services(services.settings.model_copy(update=update))


def seen(fake: FakeLabelStudio) -> Any:
    world = fake.world
    return [
        dict(one) for one in (*world.projects.values(), *world.webhooks.values(), *world.ml_backends.values())
    ]


class TestAnotherServer:
    def test_its_project_of_the_same_number_is_left_alone_and_named(
        self, services: Services, connected: int, stranger: FakeLabelStudio
    ) -> None:
        assert perform_round(connected, services) == "published"
        there = at(services, stranger)
        before = seen(stranger)
        assert perform_round(connected, there) == "failed"
        Poller(there).tick()
        assert seen(stranger) == before
        assert not stranger.world.predictions
        status = project_status(there.store, connected)
        assert status.state == STATE
        assert f"clean-al connect {connected}" in str(status.problem)
        assert [f.level for f in diagnose_project(there, connected)][-1] == "problem"
        there.label_studio.close()

    def test_disconnect_takes_nothing_from_it(
        self, services: Services, connected: int, stranger: FakeLabelStudio
    ) -> None:
        there = at(services, stranger)
        before = seen(stranger)
        assert any("left alone" in line for line in disconnect(there, connected))
        assert seen(stranger) == before
        assert read_connection(there.store, connected) is None
        there.label_studio.close()

    def test_connect_begins_anew_and_moves_nothing_that_is_theirs(
        self, services: Services, connected: int, stranger: FakeLabelStudio
    ) -> None:
        perform_round(connected, services)
        there = at(services, stranger)
        theirs = [
            dict(one) for one in (*stranger.world.ml_backends.values(), *stranger.world.webhooks.values())
        ]
        changes = connect(there, connected)
        assert any("another project had this number" in line for line in changes)
        now = [*stranger.world.ml_backends.values(), *stranger.world.webhooks.values()]
        assert [one for one in now if one["url"].startswith("http://127.0.0.1:7/")] == [
            one for one in theirs if one["url"].startswith("http://127.0.0.1:7/")
        ]
        assert "http://127.0.0.1:7" in [one["url"] for one in stranger.world.ml_backends.values()]
        assert there.store.published(connected) is None, "nothing of the other project is left"
        assert perform_round(connected, there) == "published"
        assert project_status(there.store, connected).state == "waiting for labels"
        assert there.store.project_ids() == [connected]
        there.label_studio.close()


def test_a_project_that_was_deleted_and_made_again_is_another_one(
    services: Services, connected: int, fake: FakeLabelStudio
) -> None:
    fake.world.projects[connected]["created_at"] = "2020-01-01T00:00:00.000000Z"
    assert perform_round(connected, services) == "failed"
    Poller(services).tick()
    assert project_status(services.store, connected).state == STATE


def test_a_server_that_has_moved_is_the_same_after_connect(
    services: Services, connected: int, label_studio: LabelStudio
) -> None:
    perform_round(connected, services)
    connection = read_connection(services.store, connected)
    assert connection is not None
    from dataclasses import replace

    bound = connection.bound_to | {"server": "http://label-studio.old:8080"}
    save_connection(services.store, connected, replace(connection, bound_to=bound))
    assert perform_round(connected, services) == "failed"
    assert any("has moved" in line for line in connect(services, connected))
    assert services.store.published(connected) is not None
    assert perform_round(connected, services) in ("published", "nothing new")


def test_what_an_earlier_version_connected_is_bound_at_its_next_round(
    services: Services, label_studio: LabelStudio
) -> None:
    project = filled(label_studio, "old")
    path = services.store.folder(project) / "connection.json"
    write_json(path, {"found": {"sampling": "Sequential sampling"}, "webhook_id": 3})
    assert perform_round(project, services) == "published"
    stored = read_json(path)
    assert isinstance(stored, dict)
    assert stored["bound_to"] == identity_of(label_studio.url, label_studio.project(project))
    assert stored["found"] == {"sampling": "Sequential sampling"}
    with pytest.raises(ForeignProject):
        bind(services.store, project, {"server": "http://x", "organization": 1, "created_at": "now"})


def test_one_that_was_switched_off_meanwhile_is_not_bound(services: Services) -> None:
    write_json(services.store.folder(1) / "connection.json", {"on": False})
    bind(services.store, 1, {"server": "http://x", "organization": 1, "created_at": "now"})
    connection = read_connection(services.store, 1)
    assert connection is not None
    assert connection.bound_to == {}
