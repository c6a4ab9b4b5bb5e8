"""The queue: a mark per project that asks for a round, and the one function that RQ may run."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from threadpoolctl import threadpool_limits

from backend.errors import (
    LabelingConfigError,
    ModelStoreError,
    ProjectNotOrderable,
    QueueUnavailable,
    RoundSuperseded,
    UnexpectedFailure,
)
from backend.log_context import about, kind_and_place, log_fault
from backend.loop.encoding import PUT_OFF, encode_shard, give_up
from backend.loop.failures import note_failure, why_unavailable
from backend.loop.lease import Lease, take_lease
from backend.loop.marks import RoundJobs, begun_key, forget_if_same, pending_key
from backend.loop.observe import observe, serving
from backend.loop.publish import SAMPLING
from backend.loop.report import PUBLISHED, RoundReport
from backend.loop.rollback import roll_back
from backend.loop.round import run_round, step_back
from backend.loop.shard_jobs import (
    MOST_TRIES,
    SHARD,
    ask_for_shards,
    count_try,
    forget_tries,
    is_one_shard,
)
from backend.loop.stages import LABEL_STUDIO_STAGES
from backend.services import Services
from backend.settings import read_settings
from backend.store.connection import bind, connection_file, is_connected
from backend.store.file_shelf import FileShelf
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.store.titles import note_title
from backend.store.wishes import forget_rollback, rests, wished_rollback

logger = logging.getLogger(__name__)

QUEUE = "clean-al"
# A name on the wire, not a place in the code: files may move while jobs wait. The second is what 0.1 queued.
ROUND = "clean-al.round"
ROUNDS = frozenset({ROUND, "backend.jobs.perform_round"})
FORCE_SECONDS = 3600
RESULT_SECONDS, FAILURE_SECONDS = 600, 86_400
LONGEST_PAUSE = 60.0
# How a round of a paused project ends: nothing was read, nothing written.
PAUSED = "paused"
# For a work horse that is killed; a round that fails by itself is repeated by the poll, with growing pauses.
AFTER_DEATH = Retry(max=3, interval=[1, 10, 30])


def force_key(project_id: int) -> str:
    return f"clean-al:force:{project_id}"


def ask_for_forced_round(redis: Redis, project_id: int) -> None:
    """Note that the next round is to run even if nothing is new."""
    redis.set(force_key(project_id), secrets.token_hex(8), ex=FORCE_SECONDS)


class RoundJob(Job):
    """An RQ job that can be nothing but a round, or a shard to encode for one.

    Whoever can write to Redis must not choose what runs.
    """

    @property
    def func(self) -> Any:
        if self.instance is None and not self.kwargs:
            if self.func_name in ROUNDS and _is_one_project(self.args):
                return perform_round
            if self.func_name == SHARD and is_one_shard(self.args):
                return perform_shard
        raise PermissionError("only rounds of projects, and shards of them, run here")

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Self:
        """Return a stored job; one with damaged fields counts as none, lest it end each worker in turn.

        Raises
        ------
        NoSuchJobError
            The poll then finds the project's mark without a job, and asks anew.
        """
        try:
            return super().fetch(id, connection=connection, serializer=serializer)  # type: ignore[return-value]
        except (ValueError, TypeError, LookupError, AttributeError, ResponseError) as error:
            logger.error("a damaged job is dropped from the queue: %s", type(error).__name__)
            raise NoSuchJobError(f"the job is damaged: {type(error).__name__}") from None

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


def round_jobs(redis: Redis) -> RoundJobs:
    """Return the jobs of that queue, with the marks that belong to them."""
    return RoundJobs(round_queue(redis))


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
        self._jobs, self._store = round_jobs(redis), store
        self._debounce, self._job_timeout = debounce, job_timeout
        # Thousands of webhooks come between two changes of these files.
        self._files = FileShelf()

    @classmethod
    def of(cls, services: Services, redis: Redis | None = None) -> DirtyMarker:
        """Return the marker of a process."""
        settings = services.settings
        return cls(redis or services.redis, services.store, settings.debounce, settings.job_timeout)

    def mark_dirty(
        self, project_id: int, reason: str, delay: float | None = None, *, hasten: bool = False
    ) -> bool:
        """Ask for one more round of a connected project; return whether it is one.

        Parameters
        ----------
        delay : seconds until the round; by default long enough for more events to gather
        hasten : let a round that waits already come as soon

        Raises
        ------
        QueueUnavailable
            When Redis does not answer, or takes nothing in.
        """
        connection = connection_file(self._store, project_id)
        if not self._files.read(connection, lambda: is_connected(self._store, project_id)):
            return False
        delay = self._pause(project_id) if delay is None else delay
        try:
            self._ask(project_id, reason, delay, hasten)
        except (RedisError, OSError) as error:
            raise QueueUnavailable(why_unavailable(error)) from error
        return True

    def _pause(self, project_id: int) -> float:
        """Return how long events gather: half of what the last round cost Label Studio, for it to breathe."""
        progress = ProgressFile(self._store.folder(project_id))
        seconds = self._files.read(progress.path, lambda: progress.read().report.get("seconds", {}))
        took = sum(seconds.get(stage, 0.0) for stage in LABEL_STUDIO_STAGES)
        return min(max(self._debounce, took / 2), max(self._debounce, LONGEST_PAUSE))

    def _ask(self, project_id: int, reason: str, delay: float, hasten: bool) -> None:
        self._jobs.ask(
            project_id,
            ROUND,
            delay,
            hasten=hasten,
            description=f"round of project {project_id}: {reason}",
            timeout=self._job_timeout,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
            retry=AFTER_DEATH,
        )


def perform_round(project_id: int, services: Services | None = None) -> str:
    """Run one round of a project and return how it ended; this is what RQ calls."""
    services = services or Services(read_settings())
    redis, store = services.redis, services.store
    if not is_connected(store, project_id):
        redis.delete(pending_key(project_id), begun_key(project_id))
        return "not connected"
    if rests(store.folder(project_id)):
        redis.delete(pending_key(project_id), begun_key(project_id))
        return PAUSED
    published = store.published(project_id)
    # It clears the mark before anything is read: an event from now on must ask for another round.
    with take_lease(
        redis, project_id, services.settings.lease, at_least=published.fence if published else 0
    ) as lease:
        if lease is None:
            DirtyMarker.of(services).mark_dirty(project_id, "busy", delay=services.settings.lease / 3)
            return "busy"
        # Again: whoever pauses writes the note first, and then takes the lease from a round that has it.
        if rests(store.folder(project_id)):
            _note_end(redis, project_id, lease)
            return PAUSED
        with about(project=project_id, round=lease.fence):
            return _hold_round(services, project_id, lease)


def perform_shard(project_id: int, name: str, services: Services | None = None) -> str:
    """Encode one shard of a project's tasks and return how it ended; this is what RQ calls between rounds."""
    services = services or Services(read_settings())
    redis, store, settings = services.redis, services.store, services.settings
    if not is_connected(store, project_id):
        return "not connected"
    marker, rounds = DirtyMarker.of(services), round_queue(redis)

    def ask_for_round(reason: str) -> None:
        marker.mark_dirty(project_id, reason)

    if not count_try(redis, project_id, name):
        give_up(services, project_id, name, f"its worker failed {MOST_TRIES} times at one shard; see the log")
        ask_for_round("an encoder fails")
        return "given up"
    try:
        outcome = encode_shard(services, project_id, name, lambda: rounds.count == 0, ask_for_round)
    except RedisError as error:
        return f"broken off: {why_unavailable(error)}"
    except Exception as error:  # noqa: BLE001  as for a round
        what = kind_and_place(error)
        log_fault(logger, error, "project %s, a shard", project_id)
        raise UnexpectedFailure(what) from None
    forget_tries(redis, project_id, name)
    if outcome != PUT_OFF:
        ask_for_shards(redis, store, project_id, settings.job_timeout)
    logger.info("project %s: %s", project_id, outcome)
    return outcome


def _hold_round(services: Services, project_id: int, lease: Lease) -> str:
    progress = ProgressFile(services.store.folder(project_id))
    progress.begin()
    try:
        report = _round(services, project_id, lease, progress)
    except RoundSuperseded as error:
        logger.warning("%s", error)
        return "superseded"
    except RedisError as error:
        # It says nothing about the project. The poll finds a round that began and has not ended.
        logger.warning("project %s: the round is broken off: %s", project_id, why_unavailable(error))
        return "broken off"
    except Exception as error:  # noqa: BLE001  noted for `status`, then raised where nobody expected it
        if lease.is_lost():
            logger.warning("project %s: %s, after the lease was lost", project_id, type(error).__name__)
            return "superseded"
        return note_failure(progress, project_id, error)
    finally:
        # Where this is not reached, or the round's end was not noted, the poll finds it begun and not ended.
        if progress.read().running_since is None:
            _note_end(services.redis, project_id, lease)
    logger.info(
        "project %s: %s; %s labels, %s candidates, %s",
        project_id,
        report.outcome,
        report.labels,
        report.candidates,
        " ".join(f"{k} {v:.2f}s" for k, v in report.seconds.items()),
    )
    return report.outcome


def _round(services: Services, project_id: int, lease: Lease, progress: ProgressFile) -> RoundReport:
    redis = services.redis
    covers = observe(services.label_studio, project_id)
    note_title(services.store.folder(project_id), covers["title"])
    bind(services.store, project_id, covers["bound_to"])
    force = redis.get(force_key(project_id))
    wished = wished_rollback(services.store.folder(project_id))
    if wished is not None:
        return _rolled_back(services, project_id, lease, wished)
    try:
        # A second thread makes no stage faster, and on a busy machine small fits ten times as slow.
        with threadpool_limits(1, user_api="blas"):
            report = run_round(services, project_id, lease, force=force is not None)
    except (LabelingConfigError, ProjectNotOrderable) as error:
        report = step_back(services, project_id, lease, error)
        covers |= serving(services.label_studio.project(project_id), {})
    # Who was outlived does not say how it went: another worker's word stands, or will.
    lease.check()
    if report.head and report.version:
        now = {"model_version": report.version, "sampling": SAMPLING}
        # After a round that found nothing new, what was there before it is what is meant to be there.
        in_place = report.stored if report.outcome == PUBLISHED else covers["served"]
        covers |= serving(now, {report.version: in_place})
    progress.succeed(asdict(report), covers)
    ask_for_shards(redis, services.store, project_id, services.settings.job_timeout)
    if force is not None:
        # Only now: a forced round that fails is repeated as one. Another wish, that came since, stands.
        forget_if_same(redis, force_key(project_id), force)
    return report


def _rolled_back(services: Services, project_id: int, lease: Lease, version: str) -> RoundReport:
    folder = services.store.folder(project_id)
    progress = ProgressFile(folder)
    try:
        report = roll_back(services, project_id, lease, version)
    except ModelStoreError:
        # A wish that cannot be granted must not stand in the way of rounds.
        forget_rollback(folder, version)
        raise
    lease.check()
    # What the last round has covered still is all that was learned: labels given since are to be noticed.
    now = {"model_version": report.version, "sampling": SAMPLING}
    served = serving(now, {str(report.version): report.stored})
    progress.succeed(asdict(report), (progress.read().covers or {}) | served)
    forget_rollback(folder, version)
    return report


def _note_end(redis: Redis, project_id: int, lease: Lease) -> None:
    with suppress(RedisError):
        forget_if_same(redis, begun_key(project_id), lease.fence)
