"""One more worker by itself, while rounds wait and every worker is held up, as by a slow Label Studio."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from backend.errors import BackendError
from backend.loop.jobs import round_jobs, round_queue
from backend.services import Services

logger = logging.getLogger(__name__)

STEP = 1.0
# The same job waits first for so many steps: nobody is free.
PATIENCE_STEPS = 3
MOST_HELPERS = 2
SECONDS_TO_END = 10.0
# It takes what waits, and ends when nothing does. -P: a `backend` in the working directory is not ours.
HELPER = (sys.executable, "-P", "-m", "backend.cli", "_worker", "--relief")


def relieve_until(services: Services, stop: threading.Event, command: Sequence[str] = HELPER) -> None:
    """Start helpers while the first round that could run does not, until `stop` is set."""
    queue = round_queue(Services(services.settings).impatient_redis)
    helpers: list[subprocess.Popen[bytes]] = []
    first, waited = None, 0
    while not stop.wait(STEP):
        helpers = [one for one in helpers if one.poll() is None]
        try:
            found = round_jobs(queue.connection).first_free()
        except (RedisError, BackendError, ValueError):
            found = None
        waited = waited + 1 if found is not None and found == first else 0
        first = found
        if waited >= PATIENCE_STEPS and len(helpers) < MOST_HELPERS:
            logger.info("rounds wait while all workers are busy: one more worker helps out")
            with suppress(OSError):
                helpers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))  # noqa: S603
            waited = 0
    for one in helpers:
        one.terminate()
    for one in helpers:
        with suppress(subprocess.TimeoutExpired):
            one.wait(SECONDS_TO_END)
