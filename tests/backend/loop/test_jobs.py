"""The queue, the lease and the poll, on a real Valkey."""

from __future__ import annotations

import os
import pickle
import threading
import time
import zlib
from dataclasses import replace
from typing import Any

import pytest
from rq import SimpleWorker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from threadpoolctl import threadpool_info, threadpool_limits

from backend.errors import (
    LabelStudioUnreachable,
    QueueUnavailable,
    RoundSuperseded,
    SettingsError,
    UnexpectedFailure,
)
from backend.label_studio.client import LabelStudio
from backend.loop import jobs, poller
from backend.loop.jobs import (
    DirtyMarker,
    RoundJob,
    ask_for_forced_round,
    force_key,
    perform_round,
    round_queue,
)
from backend.loop.lease import fence_key, take_lease
from backend.loop.marks import MARK_SECONDS, lock_key, pending_key
from backend.loop.poller import LEADER_KEY, Poller
from backend.loop.round import RoundReport
from backend.loop.worker import Sturdy
from backend.project.connect import connect
from backend.project.overview import project_status
from backend.services import Services
from backend.store.connection import (
    Connection,
    is_connected,
    read_connection,
    remove_connection,
    save_connection,
)
from backend.store.files import read_json, write_json
from backend.store.progress import FIRST_PAUSE, LONGEST_PAUSE, Progress, ProgressFile
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio


class ThreadlessWorker(Sturdy, SimpleWorker):
    """Runs jobs in this process, and leaves SIGALRM to the test runner."""

    death_penalty_class = TimerDeathPenalty


def run_jobs(services: Services) -> None:
    """Run what is queued now, as a worker would."""
    worker = ThreadlessWorker(
        [round_queue(services.redis)],
        connection=services.redis,
        job_class=RoundJob,
        serializer=JSONSerializer,
    )
    worker.work(burst=True, with_scheduler=False, logging_level="ERROR")


@pytest.fixture(autouse=True)
def _environment(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker reads its settings from."""
    settings = services.settings
    assert settings.redis_url is not None
    monkeypatch.setenv("LABEL_STUDIO_URL", settings.label_studio_url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", settings.api_key)
    monkeypatch.setenv("REDIS_URL", settings.redis_url.get_secret_value())
    monkeypatch.setenv("MODEL_DIR", str(settings.model_dir))


@pytest.fixture
def connected(services: Services, project_id: int) -> int:
    write_json(services.store.folder(project_id) / "connection.json", {})
    return project_id


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"fetch": 1.0, "write": 1.0}, 2.0),  # the debounce is longer
        ({"fetch": 3.0, "write": 4.0, "switch": 0.5, "clean": 2.5}, 5.0),  # half of ten seconds
        ({"fetch": 1.0, "learn": 90.0, "choose": 90.0}, 2.0),  # our own work is no burden to Label Studio
        ({"fetch": 500.0}, 60.0),
    ],
)
def test_events_gather_for_half_of_what_the_last_round_cost_label_studio(
    services: Services, connected: int, seconds: dict[str, float], expected: float
) -> None:
    ProgressFile(services.store.folder(connected)).succeed({"outcome": "published", "seconds": seconds}, {})
    before = time.time()
    DirtyMarker(services.redis, services.store, debounce=2.0, job_timeout=60).mark_dirty(connected, "event")
    queue = round_queue(services.redis)
    (job,) = queue.scheduled_job_registry.get_job_ids()
    due = queue.scheduled_job_registry.get_scheduled_time(job).timestamp()
    assert expected - 1 <= due - before <= expected + 5


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_a_round_does_its_linear_algebra_with_one_thread_and_leaves_the_others_as_they_were(
    services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
        seen.append(blas_threads())
        return RoundReport(project_id, "published", f"v{lease.fence}", lease.fence)

    monkeypatch.setattr(jobs, "run_round", run)
    with threadpool_limits(2, user_api="blas"):
        perform_round(connected, services)
        assert blas_threads() == {2}
    assert seen == [{1}]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rounds that were begun, in place of real ones."""
    begun: list[int] = []

    def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
        begun.append(lease.fence)
        return RoundReport(project_id, "published", f"v{lease.fence}", lease.fence)

    monkeypatch.setattr(jobs, "run_round", run)
    return begun


def waiting(services: Services) -> int:
    queue = round_queue(services.redis)
    return len(queue.job_ids) + queue.scheduled_job_registry.count


class TestMarks:
    def test_many_events_ask_for_one_round(self, services: Services, connected: int) -> None:
        marker = DirtyMarker.of(services)
        for _ in range(20):
            marker.mark_dirty(connected, "event")
        assert waiting(services) == 1

    def test_projects_do_not_share_their_mark(self, services: Services, connected: int) -> None:
        write_json(services.store.folder(99) / "connection.json", {})
        for project in (connected, 99):
            DirtyMarker.of(services).mark_dirty(project, "event", delay=0)
        assert waiting(services) == 2

    def test_a_project_that_is_not_connected_is_ignored(self, services: Services) -> None:
        DirtyMarker.of(services).mark_dirty(12345, "event")
        assert waiting(services) == 0
        assert not (services.settings.model_dir / "projects" / "12345").exists()

    def test_one_marker_follows_the_switch_of_a_project_off_and_on(
        self, services: Services, connected: int
    ) -> None:
        marker = DirtyMarker.of(services)
        assert marker.mark_dirty(connected, "TEST")
        for on in (False, True, False):
            save_connection(services.store, connected, Connection(on=on))
            assert marker.mark_dirty(connected, "TEST") is on
        remove_connection(services.store, connected)
        assert not marker.mark_dirty(connected, "TEST")

    def test_a_server_that_has_forgotten_our_script_is_told_it_again(
        self, services: Services, connected: int
    ) -> None:
        marker = DirtyMarker.of(services)
        assert marker.mark_dirty(connected, "TEST")
        services.redis.flushall()
        services.redis.script_flush()
        assert marker.mark_dirty(connected, "TEST")
        assert waiting(services) == 1

    def test_events_during_a_round_ask_for_exactly_one_more(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        marker, begun = DirtyMarker.of(services), []

        def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
            begun.append(lease.fence)
            if len(begun) == 1:
                for _ in range(5):
                    marker.mark_dirty(project_id, "during the round", delay=0)
            return RoundReport(project_id, "published", "v", lease.fence)

        monkeypatch.setattr(jobs, "run_round", run)
        marker.mark_dirty(connected, "event", delay=0)
        run_jobs(services)
        assert begun == [1, 2]
        assert waiting(services) == 0

    def test_a_project_that_is_gone_leaves_no_mark_for_ever(self, services: Services, connected: int) -> None:
        DirtyMarker.of(services).mark_dirty(connected, "event", delay=5)
        assert 0 < services.redis.ttl(pending_key(connected)) <= MARK_SECONDS

    def test_without_redis_the_caller_is_told_and_no_address_with_it(
        self, services: Services, connected: int
    ) -> None:
        down = services.settings.model_copy(
            update={"redis_url": type(services.settings.redis_url)("redis://:pw@127.0.0.1:1/0")}
        )  # type: ignore[call-overload]
        world = Services(down)
        with pytest.raises(QueueUnavailable) as told:
            DirtyMarker.of(world, world.impatient_redis).mark_dirty(connected, "event")
        assert "pw" not in str(told.value)


class TestRounds:
    def test_a_round_writes_its_report_and_what_it_covers(
        self, services: Services, connected: int, rounds: list[int]
    ) -> None:
        assert perform_round(connected, services) == "published"
        progress = ProgressFile(services.store.folder(connected)).read()
        assert progress.report["version"] == "v1"
        assert progress.running_since is None
        assert progress.covers is not None
        assert not services.redis.exists(lock_key(connected))

    def test_one_round_at_a_time(self, services: Services, connected: int, rounds: list[int]) -> None:
        with take_lease(services.redis, connected, 15) as lease:
            assert lease is not None
            assert perform_round(connected, services) == "busy"
            assert rounds == []
            assert waiting(services) == 1, "the one who found it busy comes again"
        assert perform_round(connected, services) == "published"

    def test_a_project_switched_off_is_left_alone(self, services: Services, rounds: list[int]) -> None:
        write_json(services.store.folder(5) / "connection.json", {"on": False})
        assert perform_round(5, services) == "not connected"
        assert perform_round(6, services) == "not connected"
        assert rounds == []

    def test_fences_grow_even_when_redis_has_lost_its_memory(
        self, services: Services, connected: int, rounds: list[int]
    ) -> None:
        from backend.store.models import Published

        for _ in range(3):
            perform_round(connected, services)
        services.store.publish(connected, Published("v3", 3, "print", (), False))
        services.redis.flushall()
        perform_round(connected, services)
        perform_round(connected, services)
        assert rounds == [1, 2, 3, 4, 5]

    def test_a_failed_round_is_noted_and_waits_longer_each_time(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: Any, **__: Any) -> None:
            raise LabelStudioUnreachable("/api/tasks/: no answer")

        monkeypatch.setattr(jobs, "run_round", run)
        pauses = []
        for _ in range(9):
            assert perform_round(connected, services) == "failed"
            progress = ProgressFile(services.store.folder(connected)).read()
            pauses.append(round(progress.try_again_at - time.time()))
        assert pauses[:3] == [5, 10, 20]
        assert max(pauses) <= LONGEST_PAUSE
        assert progress.failures == 9
        assert progress.error == "/api/tasks/: no answer"
        assert progress.running_since is None

    def test_what_nobody_expected_is_noted_and_raised(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr(jobs, "run_round", run)
        with pytest.raises(UnexpectedFailure) as told:
            perform_round(connected, services)
        error = ProgressFile(services.store.folder(connected)).read().error
        assert str(error).startswith("ZeroDivisionError in ")
        assert told.value.__suppress_context__
        assert "by zero" not in f"{told.value} {error}", "its words may quote a task"
        assert not services.redis.exists(lock_key(connected))

    def test_a_deleted_project_says_how_to_forget_it(
        self, services: Services, connected: int, fake: FakeLabelStudio
    ) -> None:
        fake.world.delete_project(connected)
        assert perform_round(connected, services) == "gone"
        error = ProgressFile(services.store.folder(connected)).read().error
        assert f"clean-al disconnect {connected} --forget" in str(error)

    def test_a_superseded_round_notes_nothing(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: Any, **__: Any) -> None:
            raise RoundSuperseded("another one")

        monkeypatch.setattr(jobs, "run_round", run)
        assert perform_round(connected, services) == "superseded"
        assert ProgressFile(services.store.folder(connected)).read().error is None

    def test_a_forced_round_that_fails_is_repeated_as_one(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forced = []

        def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
            forced.append(force)
            if len(forced) == 1:
                raise LabelStudioUnreachable("down")
            return RoundReport(project_id, "published", "v", lease.fence)

        monkeypatch.setattr(jobs, "run_round", run)
        ask_for_forced_round(services.redis, connected)
        for _ in range(3):
            perform_round(connected, services)
        assert forced == [True, True, False]
        assert not services.redis.exists(force_key(connected))

    def test_a_wish_for_a_round_during_a_forced_one_stands(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forced = []

        def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
            forced.append(force)
            if len(forced) == 1:
                ask_for_forced_round(services.redis, project_id)
            return RoundReport(project_id, "published", "v", lease.fence)

        monkeypatch.setattr(jobs, "run_round", run)
        ask_for_forced_round(services.redis, connected)
        for _ in range(3):
            perform_round(connected, services)
        assert forced == [True, True, False]


def hostile(services: Services, data: bytes, **fields: str) -> str:
    """Write a job straight into Redis and return its id."""
    job = Job.create(
        "backend.loop.jobs.perform_round", args=(1,), connection=services.redis, serializer=JSONSerializer
    )
    job.origin = jobs.QUEUE
    job.set_status(JobStatus.QUEUED)
    job.save()
    services.redis.hset(job.key, mapping={"data": zlib.compress(data), **fields})
    services.redis.rpush(f"rq:queue:{jobs.QUEUE}", job.id)
    return str(job.id)


def as_json(*call: Any) -> bytes:
    return bytes(JSONSerializer.dumps(call))


class Explosive:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


class TestHostileJobs:
    @pytest.mark.parametrize(
        "data",
        [
            as_json("os.system", None, ["true"], {}),
            as_json("posix.system", None, ["true"], {}),
            as_json("backend.loop.jobs.os.system", None, ["true"], {}),
            as_json("backend.loop.jobs.Services", None, [None], {}),
            as_json("perform_round", {"perform_round": 1}, [1], {}),
            as_json("backend.loop.jobs.perform_round", ["instance"], [1], {}),
            as_json("backend.loop.jobs.perform_round", "", [1], {}),
            as_json("upper", "a string is an instance too", [], {}),
            as_json(None, None, [], {}),
            as_json(["backend.loop.jobs.perform_round"], None, [], {}),
            as_json(5),
            b"{",
            b"\xff\xfe",
            pickle.dumps(("os.system", None, ("true",), {})),
            pickle.dumps(Explosive()),
        ],
    )
    def test_only_a_round_runs(
        self, services: Services, data: bytes, rounds: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[str] = []
        monkeypatch.setattr(os, "system", ran.append)
        job = hostile(services, data)
        run_jobs(services)
        assert ran == []
        assert rounds == []
        assert RoundJob.fetch(job, services.redis, JSONSerializer).get_status() == JobStatus.FAILED

    @pytest.mark.parametrize(
        "arguments",
        [["../../etc"], ["1/../2"], [None], [1.5], [True], [-1], [[1]], [{}], [], [1, 2, 3], ["7"]],
    )
    def test_a_round_takes_a_project_number_and_nothing_else(
        self, services: Services, arguments: list[Any], rounds: list[int]
    ) -> None:
        write_json(services.store.folder(1) / "connection.json", {})
        before = sorted(services.settings.model_dir.rglob("*"))
        hostile(services, as_json(jobs.ROUND, None, arguments, {}))
        run_jobs(services)
        assert rounds == []
        assert sorted(services.settings.model_dir.rglob("*")) == before

    def test_callbacks_are_not_called(
        self, services: Services, rounds: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran: list[Any] = []
        monkeypatch.setattr(os, "system", lambda *a: ran.append(a))
        names = {f"{kind}_callback_name": "os.system" for kind in ("success", "failure", "stopped")}
        for call in (as_json(jobs.ROUND, None, [1], {}), as_json("os.system", None, ["true"], {})):
            job = hostile(services, call, **names)
            run_jobs(services)
            found = RoundJob.fetch(job, services.redis, JSONSerializer)
            assert found.success_callback is found.failure_callback is found.stopped_callback is None
            assert found.webhooks == []
        assert ran == []

    @pytest.mark.parametrize("name", ["clean-al.round", "backend.jobs.perform_round"])
    def test_an_honest_job_runs_also_under_the_name_of_an_earlier_version(
        self, services: Services, connected: int, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        ran = []
        monkeypatch.setattr(jobs, "perform_round", lambda project_id: ran.append(project_id) or "published")
        hostile(services, as_json(name, None, [connected], {}))
        run_jobs(services)
        assert ran == [connected]


class TestLease:
    def test_the_heartbeat_keeps_it(self, services: Services) -> None:
        with take_lease(services.redis, 1, 0.4) as lease:
            assert lease is not None
            time.sleep(1.0)
            with take_lease(services.redis, 1, 0.4) as other:
                assert other is None
            lease.check()
        assert not services.redis.exists(lock_key(1))

    def test_one_that_was_paused_too_long_may_not_go_on(self, services: Services) -> None:
        with take_lease(services.redis, 1, 15) as paused:
            assert paused is not None
            services.redis.delete(lock_key(1))  # run out while the process stood still
            with take_lease(services.redis, 1, 15) as later:
                assert later is not None
                assert later.fence > paused.fence
                with pytest.raises(RoundSuperseded):
                    paused.check()
                later.check()
        assert not services.redis.exists(lock_key(1))

    def test_who_was_superseded_does_not_take_the_others_lease_away(self, services: Services) -> None:
        with take_lease(services.redis, 1, 15):
            services.redis.set(lock_key(1), "somebody else's token")
        assert services.redis.get(lock_key(1)) == b"somebody else's token"

    def test_fences_start_above_what_was_published(self, services: Services) -> None:
        services.redis.set(fence_key(1), 3)
        fences = []
        for at_least in (0, 10, 10, 0):
            with take_lease(services.redis, 1, 15, at_least) as lease:
                assert lease is not None
                fences.append(lease.fence)
        assert fences == [4, 11, 12, 13]

    def test_while_redis_is_away_the_lease_holds_for_its_time(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with take_lease(services.redis, 1, 0.5) as lease:
            assert lease is not None
            lease._redis = services.impatient_redis
            with monkeypatch.context() as patch:
                from redis.exceptions import ConnectionError as Gone

                def gone(*_: Any) -> None:
                    raise Gone("away")

                patch.setattr(services.impatient_redis, "eval", gone)
                lease.check()
                time.sleep(0.7)
                with pytest.raises(RoundSuperseded):
                    lease.check()


class TestProgress:
    def test_pauses_double_up_to_a_limit_and_success_forgets_them(self, services: Services) -> None:
        file = ProgressFile(services.store.folder(1))
        pauses = [file.fail("x").try_again_at - time.time() for _ in range(40)]
        assert pauses[0] == pytest.approx(FIRST_PAUSE, abs=0.5)
        assert pauses[39] == pytest.approx(LONGEST_PAUSE, abs=0.5)
        file.succeed({"outcome": "nothing new"}, {})
        assert file.read().failures == 0
        assert file.history() == []

    def test_lines_that_a_crash_cut_short_are_passed_over(self, services: Services) -> None:
        file = ProgressFile(services.store.folder(1))
        for n in (1, 2):
            file.succeed({"outcome": "published", "fence": n}, {})
            with (services.store.folder(1) / "rounds.jsonl").open("a") as history:
                history.write('{"outcome": "publ')
        file.succeed({"outcome": "published", "fence": 3}, {})
        assert [r["fence"] for r in file.history()] == [1, 2, 3]

    def test_a_note_of_another_release_is_read_and_a_damaged_one_is_none(self, services: Services) -> None:
        file = ProgressFile(services.store.folder(1))
        file.fail("x")
        path = services.store.folder(1) / "progress.json"
        write_json(path, read_json(path) | {"mood": "good"})
        assert file.read().failures == 1
        path.write_text("[]")
        assert file.read() == Progress()


@pytest.fixture
def poll(services: Services) -> Poller:
    return Poller(services)


class TestPoll:
    def test_the_first_look_asks_for_the_first_round(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        poll.tick()
        assert waiting(services) == 1

    def test_without_a_change_nothing_is_asked(
        self, services: Services, connected: int, poll: Poller, rounds: list[int]
    ) -> None:
        perform_round(connected, services)
        poll.tick()
        assert waiting(services) == 0

    @pytest.mark.parametrize(
        "change", ["annotated", "imported", "deleted all", "config", "model_version", "overlap"]
    )
    def test_a_change_that_no_webhook_told_is_found(
        self,
        change: str,
        services: Services,
        connected: int,
        poll: Poller,
        rounds: list[int],
        label_studio: LabelStudio,
        fake: FakeLabelStudio,
    ) -> None:
        ids = label_studio.import_tasks(connected, [{"data": {"text": "a"}}, {"data": {"text": "b"}}])
        perform_round(connected, services)
        if change == "annotated":
            label_studio.annotate(ids[0], chosen("cats"))
        elif change == "imported":
            label_studio.import_tasks(
                connected, [{"data": {"text": "c"}, "annotations": [{"result": chosen("cats")}]}]
            )
        elif change == "deleted all":
            fake.world.delete_tasks(connected, ids, silent=True)
        else:
            name = {"config": "label_config", "overlap": "maximum_annotations"}.get(change, change)
            value = {"config": "<View/>", "overlap": 2}.get(change, "Clean AL")
            fake.world.projects[connected][name] = value
        poll.tick()
        assert waiting(services) == 1

    def test_a_dead_round_is_woken(self, services: Services, connected: int, poll: Poller) -> None:
        file = ProgressFile(services.store.folder(connected))
        file.begin()
        file._write(replace(file.read(), running_since=time.time() - 10))
        poll.tick()
        assert waiting(services) == 1

    def test_a_living_round_is_left_alone(self, services: Services, connected: int, poll: Poller) -> None:
        file = ProgressFile(services.store.folder(connected))
        with take_lease(services.redis, connected, 15):
            file._write(Progress(running_since=time.time() - 10))
            poll.tick()
        assert waiting(services) == 0

    def test_a_failed_round_is_repeated_when_its_pause_is_over_and_not_before(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        file = ProgressFile(services.store.folder(connected))
        file.fail("down")
        poll.tick()
        assert waiting(services) == 0
        file._write(replace(file.read(), try_again_at=time.time() - 1))
        poll.tick()
        assert waiting(services) == 1

    def test_looks_come_at_their_interval(
        self, services: Services, connected: int, poll: Poller, fake: FakeLabelStudio, rounds: list[int]
    ) -> None:
        perform_round(connected, services)
        path = f"/api/projects/{connected}/"
        for _ in range(3):
            poll.tick()
        seen = len(fake.seen("GET", path))
        poll._next_look[connected] = 0.0
        poll.tick()
        assert len(fake.seen("GET", path)) == seen + 1

    def test_an_outage_is_noted_with_its_beginning_and_looked_at_less_often(
        self, services: Services, connected: int, poll: Poller, fake: FakeLabelStudio
    ) -> None:
        poll.services.label_studio._http._retries = 0
        fake.stop()
        pauses = []
        for _ in range(8):
            poll._next_look[connected] = 0.0
            poll.tick()
            pauses.append(poll._next_look[connected] - time.monotonic())
        assert [round(p) for p in pauses] == [10, 20, 40, 60, 60, 60, 60, 60]
        assert pauses[-1] == pytest.approx(poller.LONGEST_PAUSE, abs=1)
        note = read_json(services.store.folder(connected) / "poll.json")
        assert note is not None
        assert "Label Studio" in note["problem"]
        fake.start()
        poll._next_look[connected] = 0.0
        poll.tick()
        assert read_json(services.store.folder(connected) / "poll.json") is None

    def test_a_project_that_is_gone_is_told_apart_from_an_outage(
        self, services: Services, connected: int, poll: Poller, fake: FakeLabelStudio
    ) -> None:
        fake.world.delete_project(connected)
        poll.tick()
        status = project_status(services.store, connected)
        assert status.state == "gone from label studio"
        assert f"clean-al disconnect {connected} switches the loop off" in (status.problem or "")
        poll.services.label_studio._http._retries = 0
        fake.stop()
        write_json(services.store.folder(7) / "connection.json", {})
        poll.tick()
        assert project_status(services.store, 7).state == "label studio does not answer"

    def test_a_project_switched_off_is_not_looked_at(
        self, services: Services, connected: int, poll: Poller, fake: FakeLabelStudio
    ) -> None:
        write_json(services.store.folder(connected) / "connection.json", {"on": False})
        before = len(fake.requests)
        poll.tick()
        assert len(fake.requests) == before

    def test_one_of_several_polls_leads_and_another_takes_over(self, services: Services) -> None:
        first, second = Poller(services), Poller(services)
        assert first._leads()
        assert not second._leads()
        assert first._leads()
        services.redis.delete(LEADER_KEY)  # as when the first one has died
        assert second._leads()
        assert not first._leads()

    def test_the_poll_survives_whatever_goes_wrong(
        self, services: Services, poll: Poller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors: list[Exception] = [
            OSError("disk full"),
            KeyError("results"),
            QueueUnavailable("away"),
            SettingsError("no key"),
        ]
        stop = threading.Event()

        def tick(self: Poller) -> None:
            if not errors:
                stop.set()
                return
            raise errors.pop()

        monkeypatch.setattr(poller, "TICK", 0.01)
        monkeypatch.setattr(Poller, "tick", tick)
        poll.run(stop)
        assert errors == []


def test_a_round_in_poll_mode_after_connect(services: Services, project_id: int) -> None:
    connect(services, project_id)
    connection = read_connection(services.store, project_id)
    assert isinstance(connection, Connection)
    assert is_connected(services.store, project_id)
