"""One round per project at a time, on however many workers: a lease with a heartbeat and a fence."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from backend.errors import RoundSuperseded

# A lease that ran out while nobody else wanted it is taken again: a machine under heavy load must not lose
# every long round to its own slow heartbeat. The fence tells whether somebody was here in between.
_RENEW = """
local held = redis.call('get', KEYS[1])
if held == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
if held or redis.call('get', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_TAKE_AWAY = """
redis.call('incr', KEYS[2])
return redis.call('del', KEYS[1])
"""
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])
"""


def lock_key(project_id: int) -> str:
    return f"clean-al:lock:{project_id}"


def fence_key(project_id: int) -> str:
    return f"clean-al:fence:{project_id}"


class Lease:
    """The right to work on a project, for as long as the heartbeat gets through.

    Attributes
    ----------
    fence : a number that grows with every round of the project; a later round has a larger one
    """

    def __init__(self, redis: Redis, project_id: int, seconds: float, token: str, fence: int):
        self.fence = fence
        self._redis, self._project_id, self._seconds, self._token = redis, project_id, seconds, token
        self._valid_until = time.monotonic() + seconds
        self._ended = threading.Event()
        self._beating = threading.Lock()

    def check(self) -> None:
        """Raise `RoundSuperseded` unless the project is still ours; called before anything is made public."""
        if not self._renew():
            raise RoundSuperseded(f"project {self._project_id}: the lease of round {self.fence} has run out")

    def is_lost(self) -> bool:
        """Whether the project is not ours any more."""
        return not self._renew()

    def _renew(self) -> bool:
        begun = time.monotonic()
        try:
            keys = lock_key(self._project_id), fence_key(self._project_id)
            held = self._redis.eval(_RENEW, 2, *keys, self._token, int(self._seconds * 1000), self.fence)
        except RedisError:
            # Redis is away: nobody else can take the project before our time is over.
            return time.monotonic() < self._valid_until
        if held:
            self._valid_until = begun + self._seconds
        else:
            self._valid_until = 0.0
        return bool(held)

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / 4):
            with self._beating:
                if not self._ended.is_set():
                    self._renew()

    def _end(self) -> None:
        # Not during a beat, which would take the lease again. Without Redis it runs out by itself.
        with self._beating, suppress(RedisError):
            self._ended.set()
            self._redis.eval(_RELEASE, 1, lock_key(self._project_id), self._token)


def take_away(redis: Redis, project_id: int) -> None:
    """End the lease of whoever holds it: nothing of that round is published any more."""
    redis.eval(_TAKE_AWAY, 2, lock_key(project_id), fence_key(project_id))


@contextmanager
def take_lease(redis: Redis, project_id: int, seconds: float, at_least: int = 0) -> Iterator[Lease | None]:
    """Hold the project's lease while the block runs; yields None when another worker holds it.

    Parameters
    ----------
    at_least : int
        The fence is larger than this: a Redis that lost its memory must not count from the start again.
    """
    token = secrets.token_hex(16)
    if not redis.set(lock_key(project_id), token, nx=True, px=int(seconds * 1000)):
        yield None
        return
    fence = int(redis.incr(fence_key(project_id)))
    if fence <= at_least:
        fence = at_least + 1
        redis.set(fence_key(project_id), fence)
    lease = Lease(redis, project_id, seconds, token, fence)
    threading.Thread(target=lease._beat, name=f"lease-{project_id}", daemon=True).start()
    try:
        yield lease
    finally:
        lease._end()
