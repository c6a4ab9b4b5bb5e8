"""Moves rounds whose time has come into the queue; it runs beside the poll and beside every worker.

RQ has a scheduler of its own. It holds a lock that outlives it by a minute, and one damaged entry ends it.
"""

from __future__ import annotations

import logging
import threading

from redis.exceptions import RedisError

from backend.errors import BackendError
from backend.log_context import log_fault
from backend.loop.jobs import LONGEST_PAUSE, round_jobs
from backend.services import Services

logger = logging.getLogger(__name__)

STEP = 0.5


def promote_until(services: Services, stop: threading.Event) -> None:
    """Promote what is due, twice a second, until `stop` is set; any number may do so at once."""
    own = Services(services.settings)
    furthest = max(services.settings.debounce, services.settings.lease, LONGEST_PAUSE) + LONGEST_PAUSE
    while not stop.wait(STEP):
        try:
            round_jobs(own.impatient_redis).promote(furthest)
        except (RedisError, BackendError) as error:
            # The poll says so aloud.
            logger.debug("nothing is promoted: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  without it no round would begin any more
            log_fault(logger, error, "promoting failed and goes on")
