"""A pause holds for every worker and the poll, loses nothing, and an earlier model can be served again."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backend.errors import ModelStoreError
from backend.label_studio.client import LabelStudio
from backend.loop.jobs import DirtyMarker, perform_round, round_queue
from backend.loop.lease import take_lease
from backend.loop.poller import Poller
from backend.loop.predictor import Predictor
from backend.project import control
from backend.project.connect import connect, disconnect
from backend.project.control import Refused
from backend.project.overview import project_status
from backend.services import Services
from backend.settings import Settings
from backend.store.progress import ProgressFile
from backend.store.wishes import PAUSE_FILE, is_paused, wished_rollback
from tests.backend.samples import chosen
from tests.client import FullLabelStudio
from tests.fakes.label_studio import FakeLabelStudio

TOPICS = {"cats": "cat kitten purr whisker", "money": "bank stock bond coin"}


@pytest.fixture
def tasks(services: Services, label_studio: FullLabelStudio, project_id: int) -> dict[int, str]:
    """Thirty tasks of a connected project, six of them labeled, and one round."""
    labels = [list(TOPICS)[i % 2] for i in range(30)]
    made = label_studio.import_tasks(
        project_id, [{"data": {"text": f"{TOPICS[t]} {i}"}} for i, t in enumerate(labels)]
    )
    tasks = dict(zip(made, labels, strict=True))
    connect(services, project_id)
    annotate(label_studio, tasks, 0, 6)
    assert perform_round(project_id, services) == "published"
    return tasks


def annotate(label_studio: LabelStudio, tasks: dict[int, str], start: int, end: int) -> None:
    for task in list(tasks)[start:end]:
        label_studio.annotate(task, chosen(tasks[task]))  # type: ignore[attr-defined]


def labels_seen(services: Services, project_id: int) -> int:
    return int(ProgressFile(services.store.folder(project_id)).read().report["labels"])


def queued(services: Services) -> int:
    queue = round_queue(services.redis)
    return len(queue.job_ids) + queue.scheduled_job_registry.count


class TestPause:
    def test_no_round_runs_and_nothing_is_asked_of_label_studio(
        self, services: Services, fake: FakeLabelStudio, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        before = len(fake.requests)
        assert perform_round(project_id, services) == "paused"
        assert len(fake.requests) == before

    def test_events_come_in_and_leave_no_job_behind(
        self, services: Services, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        services.redis.flushall()
        assert DirtyMarker.of(services).mark_dirty(project_id, "event")
        assert perform_round(project_id, services) == "paused"
        Poller(services).tick()
        assert not services.redis.exists(f"clean-al:pending:{project_id}")

    def test_the_poll_asks_for_no_round(
        self, services: Services, label_studio: FullLabelStudio, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        services.redis.flushall()
        annotate(label_studio, tasks, 6, 9)
        Poller(services).tick()
        assert queued(services) == 0

    def test_what_annotators_did_meanwhile_is_learned_afterwards(
        self, services: Services, label_studio: FullLabelStudio, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        annotate(label_studio, tasks, 6, 11)
        perform_round(project_id, services)
        assert labels_seen(services, project_id) == 6
        control.resume(services, project_id)
        assert queued(services) == 1
        assert perform_round(project_id, services) == "published"
        assert labels_seen(services, project_id) == 11

    def test_without_redis_at_its_end_the_poll_finds_what_came_meanwhile(
        self, services: Services, label_studio: FullLabelStudio, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        annotate(label_studio, tasks, 6, 8)
        away = Services(services.settings.model_copy(update={"redis_url": no_redis()}))
        assert control.LATER in control.resume(away, project_id)
        services.redis.flushall()
        Poller(services).tick()
        assert queued(services) == 1

    def test_a_round_that_runs_publishes_nothing_more(
        self, services: Services, project_id: int, tasks: dict[int, str]
    ) -> None:
        with take_lease(services.redis, project_id, 15) as lease:
            assert lease is not None
            control.pause(services, project_id)
            assert lease.is_lost()

    def test_it_is_kept_on_disk_and_a_damaged_note_still_says_so(
        self, services: Services, settings: Settings, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        (services.store.folder(project_id) / PAUSE_FILE).write_bytes(b"\x00{")
        services.redis.flushall()
        assert perform_round(project_id, Services(settings)) == "paused"
        assert project_status(services.store, project_id).state == "paused"

    def test_the_state_says_it_and_since_when(
        self, services: Services, project_id: int, tasks: dict[int, str]
    ) -> None:
        begun = time.time()
        control.pause(services, project_id)
        status = project_status(services.store, project_id)
        assert status.state == "paused"
        assert begun - 1 <= (status.paused_since or 0) <= time.time() + 1
        control.resume(services, project_id)
        assert project_status(services.store, project_id).paused_since is None

    def test_doing_it_twice_says_so(self, services: Services, project_id: int, tasks: dict[int, str]) -> None:
        assert control.pause(services, project_id) == "paused"
        assert control.pause(services, project_id) == "paused already"
        control.resume(services, project_id)
        assert control.resume(services, project_id) == "not paused"

    def test_a_round_is_refused_with_the_way_out(
        self, services: Services, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        with pytest.raises(Refused, match=f"clean-al resume {project_id}"):
            control.round_now(services, project_id)

    def test_it_ends_with_the_connection(
        self, services: Services, project_id: int, tasks: dict[int, str]
    ) -> None:
        control.pause(services, project_id)
        disconnect(services, project_id)
        assert not is_paused(services.store.folder(project_id))

    @pytest.mark.parametrize("ask", [control.pause, control.resume, control.round_now, control.roll_back_to])
    def test_nothing_can_be_asked_of_a_project_that_is_off(self, services: Services, ask: Any) -> None:
        with pytest.raises(Refused, match="clean-al connect 77"):
            ask(services, 77)
        assert not services.store.folder(77).exists()


class TestRollback:
    @pytest.fixture
    def versions(
        self, services: Services, label_studio: FullLabelStudio, project_id: int, tasks: dict[int, str]
    ) -> list[str]:
        """Two more models, the newest first."""
        for start in (6, 9):
            annotate(label_studio, tasks, start, start + 3)
            assert perform_round(project_id, services) == "published"
        return services.store.versions(project_id)

    def test_the_model_before_is_served_again_under_a_name_of_its_own(
        self, services: Services, label_studio: FullLabelStudio, project_id: int, versions: list[str]
    ) -> None:
        progress = ProgressFile(services.store.folder(project_id))
        before = progress.read().report
        control.roll_back_to(services, project_id)
        assert perform_round(project_id, services) == "rolled back"
        after = progress.read().report
        for name in ("options", "skipped", "candidates", "labels"):
            assert after[name] == before[name], name
        assert before["options"]["batch_size"] == 20
        published = services.store.published(project_id)
        assert published is not None
        assert published.version > versions[0]
        facts = services.store.load(project_id, published.version).facts
        assert (facts["restored"], facts["labels"]) == (versions[1], 9)
        assert Predictor(services).model_version(project_id) == published.version
        project = label_studio.project(project_id)
        assert project["model_version"] == published.version
        assert label_studio.model_versions(project_id)[published.version] == len(published.head)

    def test_only_open_tasks_are_served_and_audit_tasks_stay_where_they_are(
        self,
        services: Services,
        label_studio: FullLabelStudio,
        project_id: int,
        tasks: dict[int, str],
        versions: list[str],
    ) -> None:
        before = services.store.published(project_id)
        assert before is not None
        control.roll_back_to(services, project_id)
        perform_round(project_id, services)
        after = services.store.published(project_id)
        assert after is not None
        assert set(after.head) == set(before.head)
        assert [after.head.index(i) for i in after.audit] == [before.head.index(i) for i in before.audit]
        assert after.drawn == before.drawn

    def test_it_stands_while_nothing_is_new_and_the_next_label_is_learned(
        self,
        services: Services,
        label_studio: FullLabelStudio,
        project_id: int,
        tasks: dict[int, str],
        versions: list[str],
    ) -> None:
        control.roll_back_to(services, project_id)
        perform_round(project_id, services)
        assert perform_round(project_id, services) == "nothing new"
        annotate(label_studio, tasks, 12, 13)
        assert perform_round(project_id, services) == "published"
        assert labels_seen(services, project_id) == 13

    def test_labels_given_before_it_that_no_round_has_seen_are_not_taken_for_learned(
        self,
        services: Services,
        label_studio: FullLabelStudio,
        project_id: int,
        tasks: dict[int, str],
        versions: list[str],
    ) -> None:
        annotate(label_studio, tasks, 12, 14)
        control.roll_back_to(services, project_id)
        assert perform_round(project_id, services) == "rolled back"
        services.redis.flushall()
        Poller(services).tick()
        assert queued(services) == 1

    def test_while_paused_it_is_done_and_stays(
        self,
        services: Services,
        label_studio: FullLabelStudio,
        project_id: int,
        tasks: dict[int, str],
        versions: list[str],
    ) -> None:
        control.roll_back_to(services, project_id, versions[-1], then_pause=True)
        assert perform_round(project_id, services) == "rolled back"
        annotate(label_studio, tasks, 12, 15)
        assert perform_round(project_id, services) == "paused"
        published = services.store.published(project_id)
        assert published is not None
        assert services.store.load(project_id, published.version).facts["labels"] == 6

    def test_the_wish_outlives_redis_and_the_poll_grants_it(
        self, services: Services, project_id: int, versions: list[str]
    ) -> None:
        control.roll_back_to(services, project_id, then_pause=True)
        services.redis.flushall()
        Poller(services).tick()
        assert queued(services) == 1
        perform_round(project_id, services)
        services.redis.flushall()
        Poller(services).tick()
        assert queued(services) == 0

    def test_once_more_goes_further_back_not_to_and_fro(
        self, services: Services, project_id: int, versions: list[str]
    ) -> None:
        control.roll_back_to(services, project_id)
        perform_round(project_id, services)
        assert control.earlier_versions(services.store, project_id) == [versions[2]]

    def test_the_report_has_the_earlier_models_accuracy_and_says_what_was_done(
        self, services: Services, project_id: int, versions: list[str]
    ) -> None:
        control.roll_back_to(services, project_id, versions[1])
        perform_round(project_id, services)
        report = ProgressFile(services.store.folder(project_id)).read().report
        assert report["restored"] == versions[1]
        assert report["labels"] == 12
        assert any(versions[1] in note for note in report["notes"])

    def test_a_damaged_model_is_refused_before_anything_is_asked(
        self, services: Services, project_id: int, versions: list[str]
    ) -> None:
        (services.store.folder(project_id) / "models" / versions[1] / "arrays.npz").write_bytes(b"x")
        with pytest.raises(ModelStoreError):
            control.roll_back_to(services, project_id, versions[1])
        assert wished_rollback(services.store.folder(project_id)) is None

    def test_one_that_is_damaged_since_does_not_stand_in_the_way_of_rounds(
        self, services: Services, project_id: int, versions: list[str]
    ) -> None:
        control.roll_back_to(services, project_id, versions[1])
        (services.store.folder(project_id) / "models" / versions[1] / "arrays.npz").write_bytes(b"x")
        assert perform_round(project_id, services) == "failed"
        assert perform_round(project_id, services) == "nothing new"

    @pytest.mark.parametrize("version", ["no-such", "../../etc", "clean-al-000001-ffffff"])
    def test_an_unknown_version_is_refused_with_those_that_are_kept(
        self, services: Services, project_id: int, versions: list[str], version: str
    ) -> None:
        with pytest.raises(Refused, match=versions[1]):
            control.roll_back_to(services, project_id, version)


def no_redis() -> Any:
    from pydantic import SecretStr

    return SecretStr("redis://127.0.0.1:1/0")
