"""Keys of ours and of the queue that hold anything: the round that is owed comes all the same."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from redis import Redis

from backend.loop import jobs, poller
from backend.loop.jobs import DirtyMarker, force_key
from backend.loop.lease import fence_key
from backend.loop.marks import begun_key, lock_key, pending_key
from backend.loop.poller import LEADER_KEY, Poller
from backend.loop.round import RoundReport
from backend.services import Services
from backend.settings import Settings
from backend.store.files import write_json
from tests.backend.loop.test_jobs import run_jobs
from tests.fuzz.inputs import tries

QUEUE, LATER = "rq:queue:clean-al", "rq:scheduled:clean-al"
KEYS = (
    *(key(1) for key in (pending_key, begun_key, lock_key, fence_key, force_key)),
    *(QUEUE, LATER, f"{QUEUE}:intermediate", "rq:queues", "rq:workers", "rq:workers:clean-al"),
    *("rq:wip:clean-al", "rq:failed:clean-al", "rq:finished:clean-al", LEADER_KEY, "rq:job:round-1-x"),
)
BYTES = st.binary(max_size=12) | st.sampled_from([b"1", b"-1", b"9" * 30, b"1e9", b"round-1-x", b"a.b", b""])
LEASE = 0.3


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease": LEASE})


@pytest.fixture
def rounds(services: Services, project_id: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The projects whose rounds were run, in place of real ones."""
    begun: list[int] = []

    def run(services: Services, project_id: int, lease: Any, *, force: bool = False) -> RoundReport:
        begun.append(project_id)
        return RoundReport(project_id, "published", f"v{lease.fence}", lease.fence)

    write_json(services.store.folder(project_id) / "connection.json", {})
    monkeypatch.setattr(jobs, "run_round", run)
    perform = jobs.perform_round
    monkeypatch.setattr(jobs, "perform_round", lambda project_id: perform(project_id, services))
    monkeypatch.setattr(poller, "SECONDS_TO_BEGIN", 0.0)
    monkeypatch.setattr(Poller, "_is_due", lambda self, project_id: False)
    return begun


def put(redis: Redis, key: str, kind: str, values: list[bytes]) -> None:
    redis.delete(key)
    match kind:
        case "string":
            redis.set(key, values[0])
        case "list":
            redis.rpush(key, *values)
        case "set":
            redis.sadd(key, *values)
        case "hash":
            redis.hset(key, mapping={b"created_at": values[0], b"data": values[-1], b"timeout": values[0]})
        case "zset":
            redis.zadd(key, dict.fromkeys(values, time.time()))


@tries(25)
@given(
    spoiled=st.dictionaries(
        st.sampled_from(KEYS),
        st.tuples(
            st.sampled_from(["string", "list", "set", "hash", "zset"]),
            st.lists(BYTES, min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_round_that_is_owed_comes(
    services: Services, project_id: int, rounds: list[int], spoiled: dict[str, tuple[str, list[bytes]]]
) -> None:
    # Where mark and queue are both lost, only Label Studio knows. The poll's look, off here, finds it.
    assume(pending_key(1) not in spoiled or not {QUEUE, LATER} & set(spoiled))
    services.redis.flushall()
    rounds.clear()
    DirtyMarker.of(services).mark_dirty(project_id, "test", delay=0.0)
    for key, (kind, values) in spoiled.items():
        put(services.redis, key, kind, values)
    watcher, ends = Poller(services), time.monotonic() + 20
    while not rounds and time.monotonic() < ends:
        if watcher._leads():
            watcher.tick()
        run_jobs(services)
    assert rounds, "no round came"
