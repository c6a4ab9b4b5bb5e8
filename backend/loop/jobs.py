"""The queue: a mark per project that asks for a round, and the one function that RQ may run."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from backend.errors import (
    BackendError,
    LabelStudioNotFound,
    QueueUnavailable,
    RoundSuperseded,
)
from backend.loop.lease import take_lease
from backend.loop.observe import observe, serving
from backend.loop.publish import SAMPLING
from backend.loop.round import run_round
from backend.loop.stages import LABEL_STUDIO_STAGES
from backend.services import Services
from backend.settings import read_settings
from backend.store.connection import is_connected
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile

logger = logging.getLogger(__name__)

QUEUE = "clean-al"
# A name on the wire, not a place in the code: files may move while jobs wait. The second is what 0.1 queued.
ROUND = "clean-al.round"
ROUNDS = frozenset({ROUND, "backend.jobs.perform_round"})
# How long a mark can suppress another one when its job was lost; the poll then asks anew.
MARK_SECONDS = 120
FORCE_SECONDS = 3600
# RQ's scheduler looks every second.
OVERDUE_SECONDS = 3
RESULT_SECONDS, FAILURE_SECONDS = 600, 86_400
LONGEST_PAUSE = 60.0
# For a work horse that is killed; a round that fails by itself is repeated by the poll, with growing pauses.
AFTER_DEATH = Retry(max=3, interval=[1, 10, 30])


def pending_key(project_id: int) -> str:
    return f"clean-al:pending:{project_id}"


def force_key(project_id: int) -> str:
    return f"clean-al:force:{project_id}"


def ask_for_forced_round(redis: Redis, project_id: int) -> None:
    """Note that the next round is to run even if nothing is new."""
    redis.set(force_key(project_id), secrets.token_hex(8), ex=FORCE_SECONDS)


_FORGET_IF_SAME = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])
"""


class RoundJob(Job):
    """An RQ job that can be nothing but a round: whoever can write to Redis must not choose what runs."""

    @property
    def func(self) -> Any:
        honest = self.func_name in ROUNDS and self.instance is None and not self.kwargs
        if not honest or not _is_one_project(self.args):
            raise PermissionError("only rounds of projects run here")
        return perform_round

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        # Callbacks are names that RQ would import, and job webhooks addresses that it would call.
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        if hasattr(self, "webhooks"):
            self.webhooks = []


def _is_one_project(arguments: Any) -> bool:
    return len(arguments) == 1 and type(arguments[0]) is int and arguments[0] > 0


def round_queue(redis: Redis) -> Queue:
    """Return the queue that all workers listen to."""
    return Queue(QUEUE, connection=redis, job_class=RoundJob, serializer=JSONSerializer)


def enqueue_overdue(redis: Redis) -> None:
    """Queue the rounds whose pause is long over, in place of an RQ scheduler that has died.

    Such a scheduler's lock outlives it by a minute, and none other takes its place until then. One that is
    alive and does the same at the same time does no harm: the second round finds nothing new.
    """
    registry = round_queue(redis).scheduled_job_registry
    if registry.get_jobs_to_schedule(int(time.time()) - OVERDUE_SECONDS):
        scheduler = RQScheduler(
            [QUEUE], connection=redis, serializer=JSONSerializer, logging_level=logging.WARNING
        )
        scheduler.prepare_registries([QUEUE])
        scheduler.enqueue_scheduled_jobs()


class DirtyMarker:
    """Asks for rounds: at most one is pending per project, however many events come in.

    Parameters
    ----------
    redis : a client; the web process gives one that neither waits nor repeats
    store : tells which projects are connected; others are ignored
    debounce : seconds between the first event and the round, in which more events may gather; longer where
        rounds take long
    """

    def __init__(self, redis: Redis, store: ModelStore, debounce: float, job_timeout: int):
        self._redis, self._store = redis, store
        self._debounce, self._job_timeout = debounce, job_timeout

    @classmethod
    def of(cls, services: Services, redis: Redis | None = None) -> DirtyMarker:
        """Return the marker of a process."""
        settings = services.settings
        return cls(redis or services.redis, services.store, settings.debounce, settings.job_timeout)

    def mark_dirty(self, project_id: int, reason: str, delay: float | None = None) -> None:
        """Ask for one more round of a connected project.

        Raises
        ------
        QueueUnavailable
            When Redis does not answer.
        """
        if not is_connected(self._store, project_id):
            return
        delay = self._pause(project_id) if delay is None else delay
        seconds = int(delay) + MARK_SECONDS
        try:
            if self._redis.set(pending_key(project_id), reason, nx=True, ex=seconds):
                self._enqueue(project_id, delay)
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis does not answer: {type(error).__name__}") from error

    def _pause(self, project_id: int) -> float:
        """Return how long events gather: half of what the last round cost Label Studio, for it to breathe."""
        seconds = ProgressFile(self._store.folder(project_id)).read().report.get("seconds", {})
        took = sum(seconds.get(stage, 0.0) for stage in LABEL_STUDIO_STAGES)
        return min(max(self._debounce, took / 2), max(self._debounce, LONGEST_PAUSE))

    def _enqueue(self, project_id: int, delay: float) -> None:
        queue = round_queue(self._redis)
        job = {
            "description": f"round of project {project_id}",
            "job_timeout": self._job_timeout,
            "result_ttl": RESULT_SECONDS,
            "failure_ttl": FAILURE_SECONDS,
            "retry": AFTER_DEATH,
        }
        try:
            if delay > 0:
                queue.enqueue_in(timedelta(seconds=delay), ROUND, int(project_id), **job)
            else:
                queue.enqueue(ROUND, int(project_id), **job)
        except BaseException:
            self._redis.delete(pending_key(project_id))
            raise


def perform_round(project_id: int, services: Services | None = None) -> str:
    """Run one round of a project and return how it ended; this is what RQ calls."""
    services = services or Services(read_settings())
    redis, store = services.redis, services.store
    # Cleared before anything is read: an event from now on must ask for another round.
    redis.delete(pending_key(project_id))
    if not is_connected(store, project_id):
        return "not connected"
    published = store.published(project_id)
    with take_lease(
        redis, project_id, services.settings.lease, at_least=published.fence if published else 0
    ) as lease:
        if lease is None:
            DirtyMarker.of(services).mark_dirty(project_id, "busy", delay=services.settings.lease / 3)
            return "busy"
        progress = ProgressFile(store.folder(project_id))
        progress.begin()
        try:
            covers = observe(services.label_studio, project_id)
            force = redis.get(force_key(project_id))
            report = run_round(services, project_id, lease, force=force is not None)
            # Who was outlived does not say how it went: another worker's word stands, or will.
            lease.check()
        except RoundSuperseded as error:
            logger.warning("%s", error)
            return "superseded"
        except Exception as error:  # noqa: BLE001  noted for `status`, then raised where nobody expected it
            if lease.is_lost():
                logger.warning("project %s: %s, after the lease was lost", project_id, type(error).__name__)
                return "superseded"
            return _note_failure(progress, project_id, error)
        if report.head:
            covers |= serving({"model_version": report.version, "sampling": SAMPLING})
        progress.succeed(asdict(report), covers)
        if force is not None:
            # Only now: a forced round that fails is repeated as one. Another wish, that came since, stands.
            redis.eval(_FORGET_IF_SAME, 1, force_key(project_id), force)
        logger.info(
            "project %s: %s; %s labels, %s candidates, %s",
            project_id,
            report.outcome,
            report.labels,
            report.candidates,
            " ".join(f"{k} {v:.2f}s" for k, v in report.seconds.items()),
        )
        return report.outcome


def _note_failure(progress: ProgressFile, project_id: int, error: Exception) -> str:
    """Note why a round failed and return how that is called; raise what nobody expected."""
    if isinstance(error, LabelStudioNotFound):
        progress.fail(f"{error}; was the project deleted? then: clean-al disconnect {project_id} --forget")
        return "gone"
    if isinstance(error, BackendError):
        after = progress.fail(str(error))
        logger.warning("project %s: round failed, attempt %s: %s", project_id, after.failures, error)
        return "failed"
    progress.fail(f"{type(error).__name__}: {error}")
    raise error
