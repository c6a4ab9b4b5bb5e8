"""Shards to encode as jobs, in a queue behind that of the rounds: a worker takes one when no round waits."""

from __future__ import annotations

import logging
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from backend.loop.encoding import KINDS
from backend.store.encoded import ASKED, EncodedStore
from backend.store.models import ModelStore

logger = logging.getLogger(__name__)

QUEUE = "clean-al-encode"
# A name on the wire, as that of a round.
SHARD = "clean-al.encode"
RESULT_SECONDS, FAILURE_SECONDS = 600, 3600
# A shard whose worker dies so often does not fit into memory, or worse.
MOST_TRIES = 3
TRIES_SECONDS = 3600


def shard_queue(redis: Redis, job_class: type[Job] | None = None) -> Queue:
    """Return the queue of shards."""
    return Queue(QUEUE, connection=redis, job_class=job_class, serializer=JSONSerializer)


def ask_for_shards(redis: Redis, store: ModelStore, project_id: int, timeout: int) -> int:
    """Queue what a project's rounds have asked for and nobody works on, and return how many jobs that were.

    Parameters
    ----------
    timeout : seconds that one may take
    """
    folder = store.folder(project_id)
    names = [name for kind in KINDS for name in EncodedStore(folder, kind).asked()]
    if not names:
        return 0
    queue = shard_queue(redis)
    try:
        taken = {*queue.get_job_ids(), *queue.started_job_registry.get_job_ids()}
    except (ResponseError, ValueError):
        logger.error("the queue of shards is damaged and begun anew")
        redis.delete(queue.key, queue.started_job_registry.key)
        taken = set()
    wanted = {job_id(project_id, name): name for name in names}
    for job, name in wanted.items():
        if job not in taken:
            made = queue.create_job(
                SHARD,
                (project_id, name),
                job_id=job,
                description=f"encoding for project {project_id}",
                timeout=timeout,
                result_ttl=RESULT_SECONDS,
                failure_ttl=FAILURE_SECONDS,
            )
            queue.enqueue_job(made)
    return len(wanted.keys() - taken)


def job_id(project_id: int, name: str) -> str:
    """Return the job of what was asked for under a name."""
    return f"shard-{int(project_id)}-{name.replace('.', '-')}"


def is_one_shard(arguments: Any) -> bool:
    """Whether these are the arguments of such a job, and no others."""
    if len(arguments) != 2 or type(arguments[0]) is not int or type(arguments[1]) is not str:
        return False
    return arguments[0] > 0 and ASKED.fullmatch(arguments[1]) is not None


def count_try(redis: Redis, project_id: int, name: str) -> bool:
    """Count one more try of a shard; False when it has had enough of them."""
    key = _tries_key(project_id, name)
    tries = int(redis.incr(key))
    redis.expire(key, TRIES_SECONDS)
    return tries <= MOST_TRIES


def forget_tries(redis: Redis, project_id: int, name: str) -> None:
    """Count from the start again: a try has come to its end."""
    redis.delete(_tries_key(project_id, name))


def _tries_key(project_id: int, name: str) -> str:
    return f"clean-al:tries:{int(project_id)}:{name}"
