"""An RQ worker for rounds, and for shards between them, tuned to find out soon that another one has died."""

from __future__ import annotations

import logging
import threading
from typing import Any

from redis.exceptions import RedisError, ResponseError
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from backend.errors import BackendError
from backend.loop.heartbeat import WORKER, beating
from backend.loop.jobs import DirtyMarker, RoundJob, round_queue
from backend.loop.marks import books_of
from backend.loop.promoter import promote_until
from backend.loop.relief import relieve_until
from backend.loop.shard_jobs import shard_queue
from backend.loop.situation import means_of
from backend.services import Services
from backend.store.progress import ProgressFile

logger = logging.getLogger(__name__)

# With RQ's defaults a job of a machine that died is found after 14 minutes; with these after about one. The
# poll does not wait for that: it asks for a new round as soon as the dead one's lease has run out.
MONITORING_SECONDS = 5
WORKER_SECONDS = 30
MAINTENANCE_SECONDS = 10
STEP = 1.0


class Sturdy(BaseWorker):
    """What keeps an RQ worker at work when the server was away, or entries in it are damaged."""

    # Tried again every second, not after a minute in the end.
    max_connection_wait_time = 1.0

    def dequeue_job_and_maintain_ttl(self, *given: Any, **named: Any) -> tuple[Job, Queue] | None:
        """Return the next job; an entry that is not even a job's name is passed over, and gone by then."""
        while True:
            try:
                return super().dequeue_job_and_maintain_ttl(*given, **named)
            except ValueError as error:
                logger.error("a damaged entry is dropped from the queue: %s", type(error).__name__)

    def run_maintenance_tasks(self) -> None:
        """Let RQ tidy up its books; damaged ones are begun anew, since nothing of ours depends on them."""
        try:
            super().run_maintenance_tasks()
        except (ValueError, TypeError, LookupError, ResponseError) as error:
            logger.error("RQ's books are damaged (%s) and begun anew", type(error).__name__)
            for queue in self.queues:
                self.connection.delete(*(book.key for book in books_of(queue)), queue.intermediate_queue_key)


class RoundWorker(Sturdy, Worker):
    """The worker that runs rounds."""


def look_again_until(services: Services, stop: threading.Event) -> None:
    """Ask for rounds of the projects that were last read with other settings or packages, once."""
    while not stop.is_set():
        try:
            return look_again(Services(services.settings))
        except (RedisError, BackendError, OSError) as error:
            # The poll says so aloud.
            logger.debug("nothing is looked at again yet: %s", type(error).__name__)
            stop.wait(STEP)


def look_again(services: Services) -> None:
    """Ask for a round of each project that was last read with other settings or packages than there are now.

    What could not be read then may be readable, and nothing in the project would ever tell.
    """
    store, now = services.store, means_of(services)
    for project_id in store.project_ids():
        before = ProgressFile(store.folder(project_id)).read().report.get("means")
        if before and before != now:
            DirtyMarker.of(services).mark_dirty(project_id, "there is more, or less, to read media with")


def work(services: Services, *, burst: bool = False) -> bool:
    """Run rounds, and encode between them, until told to stop; returns whether anything was run.

    Parameters
    ----------
    burst : bool
        Run rounds alone, and end when none waits any more.
    """
    # Imported before the fork, so that each round starts at once.
    import sklearn.linear_model  # noqa: F401

    redis = services.patient_redis
    # In this order: a shard is encoded when no round waits. A helper is there for the rounds alone.
    queues = [round_queue(redis), *([] if burst else [shard_queue(redis, RoundJob)])]
    worker = RoundWorker(
        queues,
        connection=redis,
        job_class=RoundJob,
        serializer=JSONSerializer,
        job_monitoring_interval=MONITORING_SECONDS,
        worker_ttl=WORKER_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        log_job_description=False,
    )
    stop = threading.Event()
    beside = [promote_until] if burst else [promote_until, relieve_until, look_again_until]
    for task in beside:
        threading.Thread(target=task, args=(services, stop), name=task.__name__, daemon=True).start()
    # At INFO RQ speaks every ten seconds, of nothing that a user needs; the rounds log for themselves.
    level = "DEBUG" if services.settings.log_level == "DEBUG" else "WARNING"
    beating(services, WORKER, stop)
    try:
        return bool(worker.work(burst=burst, logging_level=level))
    finally:
        stop.set()
