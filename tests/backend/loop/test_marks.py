"""A mark and its job are one, and the round that is owed comes, whatever befalls Redis. On a real Valkey."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from backend.errors import QueueUnavailable
from backend.loop import jobs, poller
from backend.loop.jobs import (
    LONGEST_PAUSE,
    DirtyMarker,
    ask_for_forced_round,
    force_key,
    perform_round,
    round_jobs,
    round_queue,
)
from backend.loop.lease import LARGEST_FENCE, fence_key, release_dead, take_lease
from backend.loop.marks import begun_key, lock_key, pending_key
from backend.loop.poller import LEADER_KEY, Poller
from backend.loop.round import RoundReport
from backend.project.overview import project_status
from backend.services import Services
from backend.settings import Settings
from backend.store.files import write_json
from backend.store.progress import ProgressFile
from tests.backend.loop.test_jobs import run_jobs, waiting

LIST, LATER = "rq:queue:clean-al", "rq:scheduled:clean-al"
HOLDER = """
import sys, time
from redis import Redis
from backend.loop.lease import take_lease
with take_lease(Redis.from_url(sys.argv[1]), 1, 15) as lease:
    print("held" if lease else "not held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A short lease: what holds one without right is not waited for long."""
    return settings.model_copy(update={"lease": 1.0})


@pytest.fixture
def connected(services: Services, project_id: int) -> int:
    write_json(services.store.folder(project_id) / "connection.json", {})
    return project_id


@pytest.fixture
def rounds(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The projects whose rounds were run, in place of real ones."""
    begun: list[int] = []

    def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
        begun.append(project_id)
        return RoundReport(project_id, "published", f"v{lease.fence}", lease.fence)

    monkeypatch.setattr(jobs, "run_round", run)
    perform = jobs.perform_round
    monkeypatch.setattr(jobs, "perform_round", lambda project_id: perform(project_id, services))
    return begun


@pytest.fixture
def poll(services: Services, monkeypatch: pytest.MonkeyPatch) -> Poller:
    """A poll that waits for nobody, and does not look into Label Studio."""
    monkeypatch.setattr(poller, "SECONDS_TO_BEGIN", 0.0)
    monkeypatch.setattr(Poller, "_is_due", lambda self, project_id: False)
    return Poller(services)


def mark(services: Services, project: int, delay: float = 0.0, **more: Any) -> None:
    DirtyMarker.of(services).mark_dirty(project, "test", delay=delay, **more)


class TestMarkAndJob:
    def test_they_are_written_in_one_step(self, services: Services, connected: int) -> None:
        mark(services, connected, delay=5)
        (job,) = round_queue(services.redis).scheduled_job_registry.get_job_ids()
        assert services.redis.get(pending_key(connected)) == job.encode()
        assert round_queue(services.redis).fetch_job(job).args == [connected]

    @pytest.mark.parametrize("lost", ["the job", "its place in the queue", "both"])
    @pytest.mark.parametrize("delay", [0, 5])
    def test_a_mark_without_its_job_holds_no_event_back(
        self, lost: str, delay: float, services: Services, connected: int
    ) -> None:
        mark(services, connected, delay)
        held = services.redis.get(pending_key(connected))
        assert held is not None
        if lost != "its place in the queue":
            services.redis.delete(f"rq:job:{held.decode()}")
        if lost != "the job":
            services.redis.delete(LIST, LATER)
        mark(services, connected, delay)
        assert services.redis.get(pending_key(connected)) != held
        assert held.decode() not in round_queue(services.redis).job_ids[1:]

    def test_a_mark_of_an_earlier_version_holds_no_event_back(
        self, services: Services, connected: int
    ) -> None:
        services.redis.set(pending_key(connected), "ANNOTATION_CREATED")
        mark(services, connected)
        assert waiting(services) == 1

    @pytest.mark.parametrize("delay", [0, 30])
    def test_a_round_that_waits_without_a_mark_is_marked_instead_of_a_second_one(
        self, delay: float, services: Services, connected: int
    ) -> None:
        mark(services, connected, delay)
        held = services.redis.getdel(pending_key(connected))
        mark(services, connected, 0.5)
        assert services.redis.get(pending_key(connected)) == held
        assert waiting(services) == 1
        if delay:
            ((_, due),) = services.redis.zrange(LATER, 0, -1, withscores=True)
            assert due - time.time() == pytest.approx(0.5, abs=5)

    def test_a_round_of_another_project_whose_number_begins_alike_is_another(
        self, services: Services, connected: int
    ) -> None:
        other = 10 * connected + 1
        write_json(services.store.folder(other) / "connection.json", {})
        mark(services, other)
        services.redis.delete(pending_key(other))
        mark(services, connected)
        assert waiting(services) == 2
        assert services.redis.get(pending_key(other)) is None

    @pytest.mark.parametrize(("hasten", "due"), [(True, 0), (False, 50)])
    def test_who_is_in_a_hurry_does_not_wait_for_the_pause_of_others(
        self, hasten: bool, due: float, services: Services, connected: int
    ) -> None:
        mark(services, connected, delay=50)
        mark(services, connected, hasten=hasten)
        ((_, at),) = services.redis.zrange(LATER, 0, -1, withscores=True)
        assert at - time.time() == pytest.approx(due, abs=5)

    def test_a_full_server_is_named_and_takes_neither_mark_nor_job(
        self, services: Services, connected: int, full: Redis
    ) -> None:
        with pytest.raises(QueueUnavailable, match=r"Redis refuses: .*maxmemory"):
            mark(services, connected)
        assert not services.redis.exists(pending_key(connected))
        assert waiting(services) == 0


@pytest.fixture
def full(services: Services) -> Iterator[Redis]:
    """A server whose memory is used up."""
    services.redis.config_set("maxmemory", 1)
    yield services.redis
    services.redis.config_set("maxmemory", 0)


class TestThePollLooksForTheJob:
    def test_a_job_that_was_taken_and_never_begun_is_asked_for_anew(
        self, services: Services, connected: int, poll: Poller, rounds: list[int]
    ) -> None:
        """As when its worker died between the two, or Valkey with the entry."""
        mark(services, connected)
        services.redis.lpop(LIST)
        poll.tick()
        run_jobs(services)
        assert rounds == [connected]
        poll.tick()
        assert waiting(services) == 0

    def test_one_that_waits_is_left_alone(self, services: Services, connected: int, poll: Poller) -> None:
        mark(services, connected, delay=5)
        poll.tick()
        assert waiting(services) == 1

    def test_a_round_that_ended_without_a_word_is_asked_for_anew(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        with take_lease(services.redis, connected, 15) as lease:
            assert lease is not None
            poll.tick()
            assert waiting(services) == 0, "it still runs"
        poll.tick()
        assert waiting(services) == 1

    def test_a_round_that_redis_left_alone_says_nothing_and_is_asked_for_anew(
        self, services: Services, connected: int, poll: Poller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: Any, **__: Any) -> None:
            raise jobs.RedisError("away")

        monkeypatch.setattr(jobs, "run_round", run)
        assert perform_round(connected, services) == "broken off"
        assert ProgressFile(services.store.folder(connected)).read().error is None
        poll.tick()
        assert waiting(services) == 1

    def test_a_round_whose_process_is_dead_is_not_waited_for(self, services: Services) -> None:
        url = services.settings.redis_url
        assert url is not None
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, url.get_secret_value()],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert release_dead(services.redis, [1, 2]) == []
            holder.send_signal(signal.SIGSTOP)
            assert release_dead(services.redis, [1, 2]) == [], "who stands still may go on"
            holder.kill()
            holder.wait()
            assert release_dead(services.redis, [1, 2]) == [1]
        assert not services.redis.exists(lock_key(1))

    def test_a_lease_of_another_machine_is_left_to_run_out(self, services: Services) -> None:
        services.redis.set(lock_key(1), "0123456789abcdef/1/1/token", px=15_000)
        assert release_dead(services.redis, [1]) == []


def a_list(redis: Redis, key: str) -> None:
    redis.delete(key)
    redis.rpush(key, "x")


def a_hash(redis: Redis, key: str) -> None:
    redis.delete(key)
    redis.hset(key, "x", "y")


def a_word(redis: Redis, key: str) -> None:
    redis.set(key, "abc")


class TestDamage:
    @pytest.mark.parametrize("damage", [a_list, a_hash, a_word])
    @pytest.mark.parametrize(
        "key",
        [
            pending_key(1),
            begun_key(1),
            lock_key(1),
            fence_key(1),
            force_key(1),
            LIST,
            LATER,
            f"{LIST}:intermediate",
            "rq:queues",
            "rq:workers",
            "rq:workers:clean-al",
            "rq:wip:clean-al",
            "rq:failed:clean-al",
            "rq:finished:clean-al",
            "rq:deferred:clean-al",
            LEADER_KEY,
        ],
    )
    def test_a_key_of_a_wrong_type_stops_no_round(
        self,
        key: str,
        damage: Callable[[Redis, str], None],
        services: Services,
        connected: int,
        poll: Poller,
        rounds: list[int],
    ) -> None:
        mark(services, connected)
        damage(services.redis, key)
        deadline = time.monotonic() + 15
        while not rounds and time.monotonic() < deadline:
            if poll._leads():
                poll.tick()
            run_jobs(services)
            time.sleep(0.1)
        assert rounds

    @pytest.mark.parametrize("value", ["abc", "-5", "1e9", str(2**63 - 1), str(2**53), "", "\x00"])
    def test_a_fence_that_is_no_count_begins_above_what_was_published(
        self, value: str, services: Services
    ) -> None:
        services.redis.set(fence_key(1), value)
        with take_lease(services.redis, 1, 15, at_least=7) as lease:
            assert lease is not None
            assert lease.fence == 8
            lease.check()
        assert LARGEST_FENCE < 2**53

    def test_a_lock_that_never_runs_out_gets_the_time_of_a_lease(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        services.redis.set(lock_key(connected), "somebody")
        poll.tick()
        assert 0 < services.redis.pttl(lock_key(connected)) <= 1000

    def test_a_leader_that_never_resigns_is_deposed(self, services: Services, poll: Poller) -> None:
        services.redis.set(LEADER_KEY, "somebody")
        assert poll._leads()
        assert services.redis.ttl(LEADER_KEY) > 0

    @pytest.mark.parametrize(
        "fields",
        [
            {"timeout": "soon"},
            {"created_at": "yesterday"},
            {"enqueued_at": "\x00"},
            {"status": "lost"},
            {"result_ttl": "abc"},
            {"retry_intervals": "["},
            {"origin": b"\xff"},
        ],
    )
    def test_a_scheduled_job_with_damaged_fields_is_dropped_and_asked_for_anew(
        self, fields: dict[str, Any], services: Services, connected: int, poll: Poller, rounds: list[int]
    ) -> None:
        mark(services, connected, delay=5)
        ((job, _),) = services.redis.zrange(LATER, 0, -1, withscores=True)
        services.redis.hset(b"rq:job:" + job, mapping=fields)
        services.redis.zadd(LATER, {job: time.time() - 1})
        for _ in range(3):
            poll.tick()
            run_jobs(services)
        assert rounds == [connected]
        assert waiting(services) == 0

    @pytest.mark.parametrize("entry", ["an.id.with.dots", "x" * 1000, "a b", "", b"\xff\xfe", "no-job"])
    def test_scheduled_entries_that_are_no_jobs_hold_nobody_up(
        self, entry: Any, services: Services, connected: int, poll: Poller, rounds: list[int]
    ) -> None:
        for name in (entry, "of-a-wrong-type"):
            services.redis.zadd(LATER, {name: time.time() - 5})
        services.redis.rpush(LIST, entry)
        services.redis.set("rq:job:of-a-wrong-type", "text")
        mark(services, connected)
        poll.tick()
        run_jobs(services)
        assert rounds == [connected]
        assert services.redis.zcard(LATER) == 0

    @pytest.mark.filterwarnings("ignore:Composite key:DeprecationWarning")
    @pytest.mark.parametrize("book", ["rq:wip:clean-al", "rq:failed:clean-al", "rq:deferred:clean-al"])
    @pytest.mark.parametrize("entry", [b"\xff", "a:b:c:d", "..", ""])
    def test_damaged_entries_in_rqs_books_end_no_worker(
        self, book: str, entry: Any, services: Services, connected: int, rounds: list[int]
    ) -> None:
        services.redis.zadd(book, {entry: 1})
        mark(services, connected)
        run_jobs(services)
        assert rounds == [connected]

    def test_what_is_due_further_ahead_than_any_delay_of_ours_is_due_now(
        self, services: Services, connected: int
    ) -> None:
        """The server's clock was set back by an hour."""
        mark(services, connected, delay=LONGEST_PAUSE)
        assert round_jobs(services.redis).promote() == 0
        ((job, at),) = services.redis.zrange(LATER, 0, -1, withscores=True)
        services.redis.zadd(LATER, {job: at + 3600})
        assert round_jobs(services.redis).promote() == 1
        assert round_queue(services.redis).job_ids == [job.decode()]


class TestClock:
    def test_a_clock_set_back_after_a_failure_does_not_prolong_the_pause(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        file = ProgressFile(services.store.folder(connected))
        after = file.fail("down")
        poll.tick()
        assert waiting(services) == 0
        file._write(replace(after, failed_at=after.failed_at + 3600, try_again_at=after.try_again_at + 3600))
        poll.tick()
        assert waiting(services) == 1

    def test_a_clock_set_back_during_a_round_does_not_hide_its_death(
        self, services: Services, connected: int, poll: Poller
    ) -> None:
        file = ProgressFile(services.store.folder(connected))
        file._write(replace(file.read(), running_since=time.time() + 3600))
        poll.tick()
        assert waiting(services) == 1


def test_status_names_what_is_wrong_with_the_queue_until_it_is_mended(
    services: Services, connected: int, full: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "TICK", 0.02)
    stop = threading.Event()
    thread = threading.Thread(target=Poller(services).run, args=(stop,))
    thread.start()
    try:
        status = _once(services, connected, lambda s: s.state == "the queue does not work")
        assert status.problem is not None
        assert "maxmemory" in status.problem
        full.config_set("maxmemory", 0)
        _once(services, connected, lambda s: s.problem is None)
    finally:
        stop.set()
        thread.join()


def _once(services: Services, project: int, condition: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 30
    while not condition(status := project_status(services.store, project)):
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def test_a_forced_round_in_a_damaged_queue_is_still_forced(
    services: Services, connected: int, poll: Poller, rounds: list[int]
) -> None:
    ask_for_forced_round(services.redis, connected)
    mark(services, connected)
    services.redis.delete(LIST)
    poll.tick()
    run_jobs(services)
    assert rounds == [connected]
    assert not services.redis.exists(force_key(connected))
