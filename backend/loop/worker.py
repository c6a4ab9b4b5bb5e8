"""An RQ worker for rounds, tuned to find out soon that another one has died."""

from __future__ import annotations

import logging

from rq import Worker
from rq.serializers import JSONSerializer

from backend.loop.jobs import RoundJob, round_queue
from backend.services import Services

logger = logging.getLogger(__name__)

# With RQ's defaults a job of a machine that died is found after 14 minutes; with these after about one. The
# poll does not wait for that: it asks for a new round as soon as the dead one's lease has run out, and does
# the work of a dead worker's scheduler.
MONITORING_SECONDS = 5
WORKER_SECONDS = 30
MAINTENANCE_SECONDS = 10


def work(services: Services, *, burst: bool = False) -> bool:
    """Run rounds until told to stop; returns whether any was run."""
    # Imported before the fork, so that each round starts at once.
    import sklearn.linear_model  # noqa: F401

    worker = Worker(
        [round_queue(services.redis)],
        connection=services.redis,
        job_class=RoundJob,
        serializer=JSONSerializer,
        job_monitoring_interval=MONITORING_SECONDS,
        worker_ttl=WORKER_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        log_job_description=False,
    )
    # At INFO RQ speaks every ten seconds, of nothing that a user needs; the rounds log for themselves.
    level = "DEBUG" if services.settings.log_level == "DEBUG" else "WARNING"
    return bool(worker.work(with_scheduler=True, burst=burst, logging_level=level))
