from __future__ import annotations

import json
from typing import Any

import pytest

from backend.errors import LabelStudioError, LabelStudioNotFound
from backend.label_studio.client import LabelStudio
from backend.loop.lease import lock_key, take_lease
from backend.loop.options import project_options, read_options
from backend.loop.publish import SAMPLING, TITLE
from backend.project.connect import connect, disconnect
from backend.project.doctor import diagnose_project
from backend.project.overview import project_status
from backend.services import Services
from backend.store.connection import Connection, identity_of, is_connected, read_connection
from tests.fakes.label_studio import FakeLabelStudio

pytestmark = pytest.mark.usefixtures("_reachable_backend")


@pytest.fixture
def _reachable_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake calls the backend when it is added; here none runs."""
    from tests.fakes import label_studio_outgoing as outgoing

    monkeypatch.setattr(outgoing, "reach", lambda *_: None)
    monkeypatch.setattr(outgoing, "send_webhook", lambda *_: None)


def state(fake: FakeLabelStudio, project_id: int) -> Any:
    """What a user could see of a project's settings."""
    world = fake.world
    mine = {
        name: [one for one in getattr(world, name).values() if one["project"] == project_id]
        for name in ("webhooks", "ml_backends")
    }
    return json.loads(json.dumps({"project": world.projects[project_id], **mine}))


def writes(fake: FakeLabelStudio) -> int:
    return len([r for r in fake.requests if r.method != "GET" and not r.path.startswith("/api/token")])


def test_connect_makes_backend_and_webhook_says_so_and_leaves_the_sampling_to_the_first_round(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    said = connect(services, project_id)
    (backend,) = fake.world.ml_backends.values()
    assert (backend["url"], backend["title"]) == (services.settings.address, TITLE)
    assert backend["auth_method"] == "BASIC_AUTH"
    (webhook,) = fake.world.webhooks.values()
    assert webhook["url"] == f"{services.settings.address}/webhook/{project_id}"
    assert webhook["headers"] == {"Authorization": "Bearer a-secret-for-these-tests"}
    assert fake.world.projects[project_id]["sampling"] == "Sequential sampling"
    assert fake.world.projects[project_id]["model_version"] == ""
    assert read_connection(services.store, project_id) == Connection(
        found={"sampling": "Sequential sampling", "model_version": ""},
        webhook_id=webhook["id"],
        ml_backend_id=backend["id"],
        tab_id=max(fake.world.views),
        bound_to=identity_of(fake.url, fake.world.projects[project_id]),
        addresses=[services.settings.address],
    )
    told = "\n".join(said)
    for word in ("on for this project", "ML backend added", "webhook", "Data Manager tab added"):
        assert word in told
    assert "secret" not in told


def test_connecting_again_changes_nothing(fake: FakeLabelStudio, services: Services, project_id: int) -> None:
    connect(services, project_id)
    before, count = state(fake, project_id), writes(fake)
    assert connect(services, project_id) == []
    assert state(fake, project_id) == before
    assert writes(fake) == count


def test_what_was_removed_by_hand_is_made_again(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    connect(services, project_id)
    fake.world.webhooks.clear()
    fake.world.ml_backends.clear()
    connect(services, project_id)
    assert len(fake.world.webhooks) == len(fake.world.ml_backends) == 1
    found = read_connection(services.store, project_id)
    assert found is not None
    assert found.found["sampling"] == "Sequential sampling", "what the first connect found"


def test_a_refused_webhook_means_polling(fake: FakeLabelStudio, services: Services, project_id: int) -> None:
    fake._allow_private_addresses = False
    said = "\n".join(connect(services, project_id))
    assert "SSRF_PROTECTION_ENABLED=false" in said
    assert "polls this project every 5 s" in said
    assert is_connected(services.store, project_id)
    status = project_status(services.store, project_id)
    assert status.connected
    assert not status.webhook
    told = "\n".join(str(f) for f in diagnose_project(services, project_id))
    assert "the loop polls every 5 s" in told


def test_a_project_that_is_not_there_leaves_no_trace(services: Services) -> None:
    with pytest.raises(LabelStudioNotFound):
        connect(services, 404)
    assert services.store.project_ids() == []


@pytest.mark.parametrize("sampling", ["Sequential sampling", "Uniform sampling", "Uncertainty sampling"])
def test_disconnect_restores_exactly(
    sampling: str, fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    (task,) = label_studio.import_tasks(project_id, [{"data": {"text": "a"}}])
    label_studio.import_predictions(project_id, [{"task": task, "model_version": "theirs", "result": []}])
    label_studio.update_project(project_id, sampling=sampling, model_version="theirs")
    label_studio.create_webhook(project=project_id, url="http://example.org/hook")
    before = state(fake, project_id)
    connect(services, project_id)
    label_studio.import_predictions(project_id, [{"task": task, "model_version": "clean-al-1", "result": []}])
    label_studio.update_project(project_id, model_version="clean-al-1", sampling=SAMPLING)
    said = disconnect(services, project_id)
    assert state(fake, project_id) == before
    assert label_studio.model_versions(project_id) == {"theirs": 1}
    assert not is_connected(services.store, project_id)
    assert "the loop is off for this project" in said
    assert disconnect(services, project_id) == []


def test_what_was_ours_before_connect_stays_after_disconnect(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    label_studio.create_ml_backend(project=project_id, url=services.settings.address, title="Mine")
    before = state(fake, project_id)
    connect(services, project_id)
    assert state(fake, project_id) != before
    disconnect(services, project_id)
    assert state(fake, project_id) == before


def test_what_a_person_set_meanwhile_stays(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    connect(services, project_id)
    label_studio.update_project(project_id, sampling="Uniform sampling", show_collab_predictions=False)
    disconnect(services, project_id)
    assert fake.world.projects[project_id]["sampling"] == "Uniform sampling"
    assert fake.world.projects[project_id]["show_collab_predictions"] is False


def test_a_backend_that_has_moved_is_moved_there_too_and_goes_with_disconnect(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    before = state(fake, project_id)
    connect(services, project_id)
    moved = Services(services.settings.model_copy(update={"public_url": "http://127.0.0.1:10"}))
    connect(moved, project_id)
    assert [b["url"] for b in fake.world.ml_backends.values()] == ["http://127.0.0.1:10"]
    assert [w["url"] for w in fake.world.webhooks.values()] == [f"http://127.0.0.1:10/webhook/{project_id}"]
    disconnect(moved, project_id)
    assert state(fake, project_id)["webhooks"] == before["webhooks"] == []
    assert state(fake, project_id)["ml_backends"] == []


def test_neighbors_at_similar_addresses_are_not_ours(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    for url in ("http://127.0.0.1:90/webhook", "http://127.0.0.1:9/webhooks-of-others", "http://example.org"):
        label_studio.create_webhook(project=project_id, url=url)
    before = state(fake, project_id)
    connect(services, project_id)
    disconnect(services, project_id)
    assert state(fake, project_id) == before


def test_a_running_round_may_not_publish_after_disconnect(services: Services, project_id: int) -> None:
    connect(services, project_id)
    with take_lease(services.redis, project_id, 15) as lease:
        assert lease is not None
        disconnect(services, project_id)
        assert not services.redis.exists(lock_key(project_id))
        with pytest.raises(Exception, match="has run out"):
            lease.check()


def test_a_disconnect_that_breaks_off_stops_the_loop_and_can_be_finished(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    before = state(fake, project_id)
    connect(services, project_id)
    services.label_studio._http._retries = 0
    fake.fail("status", method="DELETE", path="/api/webhooks/.*", status=500)
    with pytest.raises(LabelStudioError):
        disconnect(services, project_id)
    assert not is_connected(services.store, project_id)
    disconnect(services, project_id)
    assert state(fake, project_id) == before
    assert read_connection(services.store, project_id) is None


def test_connect_after_a_broken_disconnect_remembers_what_was_found_first(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    connect(services, project_id)
    services.label_studio._http._retries = 0
    fake.fail("status", method="DELETE", path="/api/ml/.*", status=500)
    with pytest.raises(LabelStudioError):
        disconnect(services, project_id)
    assert connect(services, project_id)[0] == "the loop is on for this project"
    disconnect(services, project_id)
    assert fake.world.projects[project_id]["sampling"] == "Sequential sampling"


def test_forget_removes_the_projects_files_and_otherwise_they_stay(
    services: Services, project_id: int
) -> None:
    connect(services, project_id)
    (services.store.folder(project_id) / "snapshot.sqlite").write_bytes(b"")
    disconnect(services, project_id)
    assert services.store.folder(project_id).exists()
    said = disconnect(services, project_id, forget=True)
    assert "its models and caches are removed" in said
    assert not services.store.folder(project_id).exists()


def test_a_project_that_was_deleted_can_be_disconnected(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    connect(services, project_id)
    fake.world.delete_project(project_id)
    assert "the project is gone from Label Studio" in disconnect(services, project_id, forget=True)
    assert services.store.project_ids() == []


def test_the_found_model_version_may_be_gone(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    (task,) = label_studio.import_tasks(project_id, [{"data": {"text": "a"}}])
    label_studio.import_predictions(project_id, [{"task": task, "model_version": "theirs", "result": []}])
    label_studio.update_project(project_id, model_version="theirs")
    connect(services, project_id)
    label_studio.import_predictions(project_id, [{"task": task, "model_version": "clean-al-1", "result": []}])
    label_studio.update_project(project_id, model_version="clean-al-1")
    label_studio.delete_model_version(project_id, "theirs")
    said = disconnect(services, project_id)
    assert any("model_version stays clean-al-1" in line for line in said)
    assert fake.world.projects[project_id]["sampling"] == "Sequential sampling"


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ({"batch_size": 0}, "batch_size"),
            ({"batch_size": "many"}, "batch_size"),
            ({"queue_size": 10**9}, "queue_size"),
            ({"exploration": 2}, "exploration"),
            ({"exploration": float("nan")}, "exploration"),
            ({"strategy": "best"}, "strategy"),
            ({"estimator": "os:system"}, "estimator"),
            ({"uncertainty_weight": 0.9, "diversity_weight": 0.9}, "weight"),
            ({"weights": {"uncertainty": 0.9, "diversity": 0.9}}, "weight"),
            ({"weights": {"color": 1}}, "weights.color"),
            ({"weights": 0.5}, "weights"),
            ({"color": "red"}, "color is no option"),
            ([1], "the whole"),
            ("{", "not JSON"),
            ("[" * 100_000, "not JSON"),
        ],
    )
    def test_wrong_ones_are_named_and_the_defaults_used(
        self, given: Any, name: str, fake: FakeLabelStudio, services: Services, project_id: int
    ) -> None:
        connect(services, project_id)
        (backend,) = fake.world.ml_backends.values()
        backend["extra_params"] = given if isinstance(given, str) else json.dumps(given)
        options, notes = project_options(services.label_studio, project_id, services.settings)
        assert options.queue_size == 100
        assert len(notes) == 1
        assert name in notes[0]
        assert "the defaults are used" in notes[0]

    def test_weights_are_given_together_or_one_by_one(self) -> None:
        together = read_options('{"weights": {"uncertainty": 0.7, "diversity": 0.3}}')
        assert together.for_sampler() == {"uncertainty_weight": 0.7, "diversity_weight": 0.3}
        assert read_options({"diversity_weight": 0.3}).for_sampler() == {"diversity_weight": 0.3}
        assert read_options({"weights": {}}).for_sampler() == {}
        both = read_options({"weights": {"uncertainty": 0.7}, "diversity_weight": 0.3})
        assert both.for_sampler() == together.for_sampler()

    @pytest.mark.parametrize("given", [None, "", {}, "{}"])
    def test_none_are_the_defaults(
        self, given: Any, fake: FakeLabelStudio, services: Services, project_id: int
    ) -> None:
        connect(services, project_id)
        (backend,) = fake.world.ml_backends.values()
        backend["extra_params"] = given
        options, notes = project_options(services.label_studio, project_id, services.settings)
        assert (options.batch_size, options.queue_size, notes) == (20, 100, ())

    def test_a_worker_elsewhere_knows_the_backend_by_its_id(
        self, fake: FakeLabelStudio, services: Services, project_id: int
    ) -> None:
        connect(services, project_id)
        (backend,) = fake.world.ml_backends.values()
        backend["extra_params"] = {"queue_size": 7}
        elsewhere = services.settings.model_copy(update={"public_url": "http://worker:1"})
        assert project_options(services.label_studio, project_id, elsewhere)[0].queue_size == 100
        found = project_options(services.label_studio, project_id, elsewhere, backend["id"])
        assert found[0].queue_size == 7
