"""Marks: that a round is owed to a project, written in one step with the RQ job that will run it.

    clean-al:pending:<project>   the id of the job that was asked for; cleared before a round reads anything
    clean-al:begun:<project>     the fence of the round that has cleared it; gone when that round has ended

A mark is never believed by itself: what counts is whether its job stands in the queue or waits for its time.
All times are the server's own, so that clocks of machines may disagree or be set back.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis
from redis.commands.core import Script
from rq import Queue
from rq.job import JobStatus
from rq.registry import BaseRegistry

logger = logging.getLogger(__name__)

# A mark is kept no longer than this: a project that was deleted leaves nothing behind.
MARK_SECONDS = 7 * 86_400
# Further ahead than any delay that we ask for; what waits longer was written by a clock that went wrong.
FURTHEST_SECONDS = 300.0
PROMOTED_AT_ONCE = 1000
# How far into the queue a round that could run is looked for.
LOOKED_AT = 1000

# Redis before 7 wants to be told that a script which asks for the time may also write.
_NOW = """
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
"""
TYPES = """
local function keep(key, kind)
  local found = redis.call('TYPE', key).ok
  if found == kind or found == 'none' then return true end
  redis.call('DEL', key)
  return false
end
local function text(key)
  return keep(key, 'string') and redis.call('GET', key)
end
"""
_WAITS = """
local function listed(list, id)
  local place = redis.pcall('LPOS', list, id)
  if type(place) ~= 'table' then return place ~= false end
  for _, one in ipairs(redis.call('LRANGE', list, 0, -1)) do
    if one == id then return true end
  end
  return false
end
local function waits(list, later, prefix, id)
  if redis.call('EXISTS', prefix .. id) == 0 then return false end
  if redis.call('ZSCORE', later, id) then return 'later' end
  return listed(list, id) and 'now'
end
"""
# A round that RQ repeats after a death, or whose mark was lost, waits without one: as good as a new round.
_UNMARKED = """
local function unmarked(list, later, prefix, start)
  for _, ids in ipairs({redis.call('LRANGE', list, 0, -1), redis.call('ZRANGE', later, 0, -1)}) do
    for _, id in ipairs(ids) do
      if string.sub(id, 1, #start) == start and redis.call('TYPE', prefix .. id).ok == 'hash' then
        return id
      end
    end
  end
  return false
end
"""
# KEYS: mark, list, later, queues, job; ARGV: job prefix, job id, delay, mark seconds, hasten, job fields...
# Without job fields it only says whether a job is needed.
_ASK = (
    _NOW
    + TYPES
    + _WAITS
    + _UNMARKED
    + """
keep(KEYS[2], 'list')
keep(KEYS[3], 'zset')
keep(KEYS[4], 'set')
local delay, held, hasten = tonumber(ARGV[3]), text(KEYS[1]), ARGV[5] == '1'
local state = held and waits(KEYS[2], KEYS[3], ARGV[1], held)
if not state then
  held = unmarked(KEYS[2], KEYS[3], ARGV[1], string.match(ARGV[2], '^round%-%d+%-'))
  if held then
    state, hasten = waits(KEYS[2], KEYS[3], ARGV[1], held), true
    redis.call('SET', KEYS[1], held, 'EX', ARGV[4])
  end
end
if state == 'later' and hasten and tonumber(redis.call('ZSCORE', KEYS[3], held)) > now + delay then
  redis.call('ZADD', KEYS[3], now + delay, held)
end
if state then return 0 end
if #ARGV < 6 then return 1 end
redis.call('HSET', KEYS[5], unpack(ARGV, 6))
redis.call('SADD', KEYS[4], KEYS[2])
if delay > 0 then
  redis.call('ZADD', KEYS[3], now + delay, ARGV[2])
else
  redis.call('RPUSH', KEYS[2], ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
return 1
"""
)
# KEYS: list, later; ARGV: job prefix, how far ahead is too far, how many
_PROMOTE = (
    _NOW
    + TYPES
    + """
keep(KEYS[1], 'list')
keep(KEYS[2], 'zset')
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[3])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now + ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])) do
  due[#due + 1] = id
end
local moved = 0
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[2], id)
  local job = ARGV[1] .. id
  if redis.call('TYPE', job).ok == 'hash' then
    redis.call('HSET', job, 'status', 'queued')
    redis.call('RPUSH', KEYS[1], id)
    moved = moved + 1
  end
end
return moved
"""
)
# KEYS: list, later, then mark, begun and lock of each project; ARGV: job prefix, milliseconds of a lease
_LOST = (
    TYPES
    + _WAITS
    + """
local lost = {}
for i = 3, #KEYS, 3 do
  local held, begun = text(KEYS[i]), text(KEYS[i + 1])
  local locked, reason = text(KEYS[i + 2]), ''
  if locked and redis.call('PTTL', KEYS[i + 2]) == -1 then redis.call('PEXPIRE', KEYS[i + 2], ARGV[2]) end
  if held and not waits(KEYS[1], KEYS[2], ARGV[1], held) then reason = 'job ' .. held end
  if begun and not locked then reason = 'round ' .. begun end
  lost[#lost + 1] = reason
end
return lost
"""
)
# KEYS and ARGV: keys and what they must be
_REPAIR = (
    TYPES
    + """
local found = {}
for i, key in ipairs(KEYS) do
  if not keep(key, ARGV[i]) then found[#found + 1] = key end
end
return found
"""
)
# KEYS: list; ARGV: what locks begin with, how many
_FIRST_FREE = (
    TYPES
    + """
if not keep(KEYS[1], 'list') then return false end
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, ARGV[2] - 1)) do
  local project = string.match(id, '^round%-(%d+)%-')
  if project and redis.call('EXISTS', ARGV[1] .. project) == 0 then return id end
end
return false
"""
)
_FORGET_IF_SAME = """
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return redis.call('DEL', KEYS[1]) end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


def pending_key(project_id: int) -> str:
    return f"clean-al:pending:{project_id}"


def begun_key(project_id: int) -> str:
    return f"clean-al:begun:{project_id}"


def lock_key(project_id: int | str) -> str:
    return f"clean-al:lock:{project_id}"


@dataclass(frozen=True)
class RoundJobs:
    """The jobs of one RQ queue, each written in one step with its project's mark."""

    queue: Queue

    def ask(
        self, project_id: int, name: str, delay: float, *, hasten: bool = False, **options: object
    ) -> bool:
        """Mark a project and queue its job; False when one waits already, which then is the marked one.

        Parameters
        ----------
        delay : seconds until it is due
        hasten : bool
            Let a job that waits for a later time be due then, too.
        options : what RQ's `Queue.create_job` takes
        """
        job_id = f"round-{project_id}-{secrets.token_hex(8)}"
        keys = [pending_key(project_id), *self._places, self.queue.redis_queues_keys, self._prefix + job_id]
        asked = [self._prefix, job_id, max(delay, 0.0), MARK_SECONDS, int(hasten)]
        # Mostly one waits already: to make a job costs more than all else here.
        if not self._ask(keys, asked):
            return False
        job = self.queue.create_job(
            name,
            args=(int(project_id),),
            job_id=job_id,
            status=JobStatus.SCHEDULED if delay > 0 else JobStatus.QUEUED,
            **options,  # type: ignore[arg-type]
        )
        job.origin = self.queue.name
        described = [part for pair in job.to_dict().items() if pair[1] is not None for part in pair]
        return bool(self._ask(keys, [*asked, *described]))

    def promote(self, furthest: float = FURTHEST_SECONDS) -> int:
        """Move the jobs whose time has come into the queue, and return how many.

        Entries without a job are dropped, and one that is due further ahead than any of ours is due now.
        """
        return int(self._redis.eval(_PROMOTE, 2, *self._places, self._prefix, furthest, PROMOTED_AT_ONCE))

    def first_free(self) -> str | None:
        """Return the first job in the queue whose project no round holds; None when there is none."""
        found = self._redis.eval(_FIRST_FREE, 1, self._places[0], lock_key(""), LOOKED_AT)
        return found.decode(errors="replace") if found else None

    def lost(self, projects: Iterable[int], lease: float) -> dict[int, str]:
        """Return the projects that are owed a round which nobody will run, and how that shows.

        A lock that would never run out gets the time of a lease; its holder, if there is one, prolongs it.
        """
        projects = list(projects)
        keys = [key(i) for i in projects for key in (pending_key, begun_key, lock_key)]
        found = self._redis.eval(_LOST, 2 + len(keys), *self._places, *keys, self._prefix, int(lease * 1000))
        reasons = [reason.decode(errors="replace") for reason in found]
        return {i: reason for i, reason in zip(projects, reasons, strict=True) if reason}

    def repair(self, projects: Iterable[int]) -> list[str]:
        """Remove keys that hold something of another type than ours, and return their names.

        Nothing is lost by that: the poll finds what is still to be done.
        """
        wanted = self._types() | {
            f"clean-al:{kind}:{i}": "string"
            for i in projects
            for kind in ("pending", "begun", "lock", "fence", "force")
        }
        found = self._redis.eval(_REPAIR, len(wanted), *wanted, *wanted.values())
        names = [name.decode(errors="replace") for name in found]
        if names:
            logger.error("in Redis, removed keys of a wrong type: %s", ", ".join(names))
        return names

    def _types(self) -> dict[str, str]:
        """Return the keys of the queue itself and of RQ's books on it, and what each must be."""
        queue = self.queue
        return {
            queue.key: "list",
            queue.intermediate_queue_key: "list",
            queue.redis_queues_keys: "set",
            "rq:workers": "set",
            f"rq:workers:{queue.name}": "set",
            f"rq:clean_registries:{queue.name}": "string",
            "clean-al:poller": "string",
            queue.scheduled_job_registry.key: "zset",
        } | {book.key: "zset" for book in books_of(queue)}

    @property
    def _redis(self) -> Redis:
        return self.queue.connection

    @cached_property
    def _asking(self) -> Script:
        # Sent by its digest: the text is longer than all else that a webhook makes us send.
        return self._redis.register_script(_ASK)

    def _ask(self, keys: list[str], asked: list[Any]) -> bool:
        return bool(self._asking(keys, asked))

    @cached_property
    def _places(self) -> tuple[str, str]:
        return self.queue.key, self.queue.scheduled_job_registry.key

    @property
    def _prefix(self) -> str:
        return self.queue.job_class.key_for("")


def books_of(queue: Queue) -> tuple[BaseRegistry, ...]:
    """Return the registries in which RQ keeps what became of jobs; nothing of ours is read from them."""
    return (
        queue.started_job_registry,
        queue.finished_job_registry,
        queue.failed_job_registry,
        queue.deferred_job_registry,
        queue.canceled_job_registry,
    )


def forget_if_same(redis: Redis, key: str, value: str | bytes | int) -> None:
    """Delete a key if it still holds this value, or nothing that could be one."""
    redis.eval(_FORGET_IF_SAME, 1, key, value)
