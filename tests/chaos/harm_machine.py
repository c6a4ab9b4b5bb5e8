"""Harm done by the machine: a full disk, files that may not grow, few descriptors; and spoiled keys."""

from __future__ import annotations

import random
import resource
import time
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

from backend.loop.jobs import force_key
from backend.loop.lease import fence_key
from backend.loop.marks import begun_key, lock_key, pending_key
from tests.chaos.place import Place


def full_disk(place: Place, rng: random.Random) -> None:
    """Nothing can be written into MODEL_DIR for a while."""
    filler = place.loop.model_dir / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))
        time.sleep(rng.uniform(1, 4))
    finally:
        filler.unlink(missing_ok=True)


def file_size(place: Place, rng: random.Random) -> None:
    """One process may write no file larger than some kilobytes."""
    _limited(place, rng, resource.RLIMIT_FSIZE, 4096)


def descriptors(place: Place, rng: random.Random) -> None:
    """One process may open hardly anything more."""
    _limited(place, rng, resource.RLIMIT_NOFILE, 12)


def _limited(place: Place, rng: random.Random, what: int, most: int) -> None:
    pid = place.loop.child(rng.choice(["worker", "poll", "web"]))
    if pid is None:
        return
    with suppress(ProcessLookupError):
        before = resource.prlimit(pid, what)
        resource.prlimit(pid, what, (most, before[1]))
        try:
            time.sleep(rng.uniform(1, 4))
        finally:
            resource.prlimit(pid, what, before)


def spoiled_keys(place: Place, rng: random.Random) -> None:
    """A project's keys hold something else, and the queue entries that are no jobs."""
    redis, project = place.loop.redis(), rng.choice(place.projects)
    with suppress(RedisError):
        for _ in range(3):
            rng.choice(SPOILERS)(redis, project)


def _wrong_type(redis: Redis, project: int) -> None:
    for key in (fence_key, lock_key, force_key, pending_key, begun_key):
        redis.delete(key(project))
        redis.rpush(key(project), "x")


def _lock_without_end(redis: Redis, project: int) -> None:
    redis.set(lock_key(project), "nobody")


def _mark_without_job(redis: Redis, project: int) -> None:
    redis.set(pending_key(project), "round-of-nobody")


def _entries_without_job(redis: Redis, project: int) -> None:
    redis.rpush("rq:queue:clean-al", "nothing", b"\xff\xfe", "a.b")
    redis.zadd("rq:scheduled:clean-al", {"nothing": 0, "later": 2**60})


def _no_queue(redis: Redis, project: int) -> None:
    redis.delete("rq:queue:clean-al", "rq:scheduled:clean-al")
    redis.set("rq:queue:clean-al", "text")


SPOILERS = (_wrong_type, _lock_without_end, _mark_without_job, _entries_without_job, _no_queue)


def full_server(place: Place, rng: random.Random) -> None:
    """Redis takes nothing in for a while."""
    redis = place.loop.redis()
    with suppress(RedisError):
        redis.config_set("maxmemory", 1)
        time.sleep(rng.uniform(0.5, 3))
    with suppress(RedisError):
        place.loop.redis().config_set("maxmemory", 0)


HARMS = {
    "full disk": full_disk,
    "file size": file_size,
    "few descriptors": descriptors,
    "spoiled keys": spoiled_keys,
    "full server": full_server,
}
