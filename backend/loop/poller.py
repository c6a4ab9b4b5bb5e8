"""The reconcile poll: finds what no webhook has said, and rounds that died."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from backend.errors import BackendError, LabelStudioNotFound, QueueUnavailable
from backend.loop.jobs import DirtyMarker, enqueue_overdue
from backend.loop.lease import lock_key
from backend.loop.observe import observe
from backend.services import Services
from backend.store.connection import Connection, is_connected, read_connection
from backend.store.files import read_json, write_json
from backend.store.progress import Progress, ProgressFile

logger = logging.getLogger(__name__)

LEADER_KEY = "clean-al:poller"
LEADER_SECONDS = 10
TICK = 1.0
LONGEST_PAUSE = 60.0


@dataclass
class Poller:
    """Looks at every connected project now and then and marks those that a round should look at.

    Any number may run; the one that holds the leader key does the looking.
    """

    services: Services
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _next_look: dict[int, float] = field(default_factory=dict)
    _failures: int = 0

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set."""
        while not stop.wait(TICK):
            try:
                if self._leads():
                    self.tick()
            except (RedisError, QueueUnavailable) as error:
                logger.warning("Redis does not answer; the poll goes on: %s", type(error).__name__)
            except BackendError as error:
                logger.warning("%s", error)
            except Exception:
                # A full disk, an answer of a strange shape: without the poll nothing would ever be repaired.
                logger.exception("the poll failed and goes on")

    def tick(self) -> None:
        """Look at every project that is due."""
        enqueue_overdue(self.services.redis)
        for project_id in self.services.store.project_ids():
            if not is_connected(self.services.store, project_id):
                self._next_look.pop(project_id, None)
                continue
            progress = self._progress(project_id).read()
            self._wake_the_dead(project_id, progress)
            # What a running round covers is known when it has ended.
            if progress.running_since is None and time.monotonic() >= self._next_look.get(project_id, 0.0):
                self._look(project_id, progress)

    def _look(self, project_id: int, progress: Progress) -> None:
        connection = read_connection(self.services.store, project_id) or Connection()
        settings = self.services.settings
        pause = settings.reconcile_interval if connection.webhook_id else settings.poll_interval
        try:
            seen = observe(self.services.label_studio, project_id)
        except LabelStudioNotFound as error:
            self._note(project_id, str(error), gone=True)
            pause = LONGEST_PAUSE
        except BackendError as error:
            self._failures += 1
            pause = min(settings.poll_interval * 2 ** min(self._failures, 10), LONGEST_PAUSE)
            self._note(project_id, str(error))
        else:
            self._failures = 0
            self._note(project_id, None)
            if seen != progress.covers and time.time() >= progress.try_again_at:
                self._mark(project_id, "the poll saw a change")
        self._next_look[project_id] = time.monotonic() + pause

    def _wake_the_dead(self, project_id: int, progress: Progress) -> None:
        """Ask for a new round where one began, has not ended, and nobody holds the lease any more."""
        if progress.running_since is not None:
            begun = time.time() - progress.running_since
            if begun > TICK and not self.services.redis.exists(lock_key(project_id)):
                self._mark(project_id, "a round died")
        elif progress.failures and time.time() >= progress.try_again_at:
            self._mark(project_id, "a round failed")

    def _mark(self, project_id: int, reason: str) -> None:
        DirtyMarker.of(self.services).mark_dirty(project_id, reason, delay=0.0)

    def _leads(self) -> bool:
        redis = self.services.redis
        if redis.set(LEADER_KEY, self._token, nx=True, ex=LEADER_SECONDS):
            return True
        if redis.get(LEADER_KEY) != self._token.encode():
            return False
        redis.expire(LEADER_KEY, LEADER_SECONDS)
        return True

    def _progress(self, project_id: int) -> ProgressFile:
        return ProgressFile(self.services.store.folder(project_id))

    def _note(self, project_id: int, problem: str | None, *, gone: bool = False) -> None:
        """Keep since when Label Studio has not answered, or not known the project, for `clean-al status`."""
        path = self.services.store.folder(project_id) / "poll.json"
        before = read_json(path) or {}
        if problem is None:
            if before:
                path.unlink(missing_ok=True)
        elif before.get("problem") != problem:
            since = before.get("since") or time.time()
            write_json(path, {"problem": problem, "since": since, "gone": gone})
