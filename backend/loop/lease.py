"""One round per project at a time, on however many workers: a lease with a heartbeat and a fence."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from backend.errors import RoundSuperseded
from backend.loop.marks import TYPES, begun_key, lock_key, pending_key
from backend.processes.identity import is_gone, this_process

# A lease that ran out while nobody else wanted it is taken again: a machine under heavy load must not lose
# every long round to its own slow heartbeat. The fence tells whether somebody was here in between.
_RENEW = """
local held = text(KEYS[1])
if held == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held or text(KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
# KEYS: lock, fence, mark, begun; ARGV: token, milliseconds, least fence, largest fence
_TAKE = """
if text(KEYS[1]) then
  if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return 0
end
local last = text(KEYS[2])
last = last and string.match(last, '^%d+$') and tonumber(last) or 0
if last > tonumber(ARGV[4]) then last = 0 end
local fence = string.format('%.0f', math.max(last, tonumber(ARGV[3])) + 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], fence)
text(KEYS[4])
redis.call('SET', KEYS[4], fence)
redis.call('DEL', KEYS[3])
return tonumber(fence)
"""
_TAKE_AWAY = """
local last = text(KEYS[2])
if last and string.match(last, '^%d+$') then redis.call('INCR', KEYS[2]) else redis.call('DEL', KEYS[2]) end
return redis.call('DEL', KEYS[1])
"""
_RELEASE = """
if text(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
# No honest count comes near; above 2^53 Lua's numbers would no longer tell neighbors apart.
LARGEST_FENCE = 10**12


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
            held = self._redis.eval(
                TYPES + _RENEW, 2, *keys, self._token, int(self._seconds * 1000), self.fence
            )
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
            self._redis.eval(TYPES + _RELEASE, 1, lock_key(self._project_id), self._token)


def take_away(redis: Redis, project_id: int) -> None:
    """End the lease of whoever holds it: nothing of that round is published any more."""
    redis.eval(TYPES + _TAKE_AWAY, 2, lock_key(project_id), fence_key(project_id))


def release_dead(redis: Redis, projects: Sequence[int]) -> list[int]:
    """End the leases whose holders, processes of this machine, are no more; return the projects they held.

    Without this a round that was killed is missed only when its lease has run out.
    """
    tokens = redis.mget([lock_key(i) for i in projects]) if projects else []
    return [
        project
        for project, token in zip(projects, tokens, strict=True)
        if isinstance(token, bytes)
        and is_gone(token.decode(errors="replace").rpartition("/")[0])
        and redis.eval(TYPES + _RELEASE, 1, lock_key(project), token)
    ]


@contextmanager
def take_lease(redis: Redis, project_id: int, seconds: float, at_least: int = 0) -> Iterator[Lease | None]:
    """Hold the project's lease while the block runs; yields None when another worker holds it.

    Taking it clears the project's mark in the same step, and notes that a round has begun.

    Parameters
    ----------
    at_least : int
        The fence is larger than this: a Redis that lost its memory must not count from the start again.
    """
    token = f"{this_process()}/{secrets.token_hex(16)}"
    keys = lock_key(project_id), fence_key(project_id), pending_key(project_id), begun_key(project_id)
    given = token, int(seconds * 1000), min(max(at_least, 0), LARGEST_FENCE), LARGEST_FENCE
    fence = int(redis.eval(TYPES + _TAKE, len(keys), *keys, *given))
    if not fence:
        yield None
        return
    lease = Lease(redis, project_id, seconds, token, fence)
    threading.Thread(target=lease._beat, name=f"lease-{project_id}", daemon=True).start()
    try:
        yield lease
    finally:
        lease._end()
