"""Who is alive: each worker, poll and web process says so in Redis, again and again, and is asked for there.

A status that remembers who was started is wrong as soon as somebody is killed; this one is wrong for seconds.
"""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from backend.errors import BackendError, SettingsError
from backend.log_context import log_fault
from backend.services import Services

logger = logging.getLogger(__name__)

WORKER, POLL, WEB = "worker", "poll", "web"
ROLES = (WORKER, POLL, WEB)
STEP = 3.0
# A machine that swaps, or a round that keeps all cores busy, may be late.
DEAD_AFTER = 20.0
# The sets go with whoever was the last to write into them.
FORGOTTEN_AFTER = 3600


@dataclass(frozen=True)
class Alive:
    """How many processes of each kind have been heard of within the last seconds.

    Attributes
    ----------
    problem : why nobody can be asked; then nothing is known of them
    """

    workers: int = 0
    polls: int = 0
    webs: int = 0
    problem: str | None = None


def alive_key(role: str) -> str:
    return f"clean-al:alive:{role}"


@dataclass(frozen=True)
class Heartbeat:
    """One process's sign of life, in a sorted set of its kind by the time that Redis has."""

    redis: Redis
    role: str
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def beat(self) -> None:
        """Say that this process is alive."""
        try:
            self._write()
        except ResponseError:
            # Something else lies there; nothing of ours depends on what it was.
            self.redis.delete(alive_key(self.role))
            self._write()

    def end(self) -> None:
        """Say that it ends."""
        self.redis.zrem(alive_key(self.role), self.name)

    def _write(self) -> None:
        key, now = alive_key(self.role), _now(self.redis)
        with self.redis.pipeline(transaction=True) as batch:
            batch.zadd(key, {self.name: now})
            batch.zremrangebyscore(key, "-inf", now - DEAD_AFTER)
            # A clock that was set back leaves signs from the future, which would never grow old.
            batch.zremrangebyscore(key, now + DEAD_AFTER, "+inf")
            batch.expire(key, FORGOTTEN_AFTER)
            batch.execute()


def beat_until(services: Services, role: str, stop: threading.Event) -> None:
    """Beat until `stop` is set; a Redis that is away is tried again."""
    # A client of its own: the others may be used by a thread that waits.
    heartbeat = None
    while True:
        try:
            heartbeat = heartbeat or Heartbeat(Services(services.settings).impatient_redis, role)
            heartbeat.beat()
        except (RedisError, BackendError) as error:
            # The poll says so aloud.
            logger.debug("no sign of life: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  a process without a heartbeat would count as dead
            log_fault(logger, error, "the heartbeat failed and goes on")
        if stop.wait(STEP):
            break
    try:
        if heartbeat is not None:
            heartbeat.end()
    except RedisError:
        logger.debug("the last sign of life stands")


def beating(services: Services, role: str, stop: threading.Event) -> threading.Thread:
    """Return a running thread that beats until `stop` is set."""
    thread = threading.Thread(
        target=beat_until, args=(services, role, stop), name=f"heartbeat-{role}", daemon=True
    )
    thread.start()
    return thread


def ask_alive(services: Services) -> Alive:
    """Return who is alive, within a fraction of a second."""
    try:
        redis = services.impatient_redis
        now = _now(redis)
        workers, polls, webs = (_count(redis, role, now) for role in ROLES)
    except SettingsError:
        # Without REDIS_URL the queue is there as long as `clean-al serve` is: nothing runs.
        return Alive()
    except (RedisError, OSError) as error:
        return Alive(problem=f"Redis does not answer: {type(error).__name__}")
    return Alive(workers, polls, webs)


def _count(redis: Redis, role: str, now: float) -> int:
    try:
        return int(redis.zcount(alive_key(role), now - DEAD_AFTER, now + DEAD_AFTER))
    except ResponseError:
        return 0


def _now(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1e6
