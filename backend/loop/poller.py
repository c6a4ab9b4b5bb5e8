"""The reconcile poll: finds what no webhook has said, and rounds that died."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from backend.errors import BackendError, ForeignProject, LabelStudioNotFound, QueueUnavailable
from backend.label_studio.client import LabelStudio
from backend.log_context import log_fault
from backend.loop.failures import why_unavailable
from backend.loop.heartbeat import POLL, beating
from backend.loop.jobs import DirtyMarker, round_jobs
from backend.loop.lease import release_dead
from backend.loop.marks import TYPES, lock_key
from backend.loop.notify import notify_until
from backend.loop.observe import is_news, observe
from backend.loop.outage import Outage
from backend.loop.promoter import promote_until
from backend.loop.shard_jobs import ask_for_shards
from backend.services import Services
from backend.store.connection import Connection, bind, is_connected, read_connection
from backend.store.poll_note import note_poll
from backend.store.progress import Progress, ProgressFile
from backend.store.queue_note import QueueNote
from backend.store.titles import note_title
from backend.store.wishes import rests, wished_rollback

logger = logging.getLogger(__name__)

LEADER_KEY = "clean-al:poller"
LEADER_SECONDS = 5
TICK = 1.0
LONGEST_PAUSE = 60.0
GONE = (
    "Label Studio has no project {project} any more, or hides it from this token; "
    "clean-al disconnect {project} switches the loop off"
)
# So many projects may keep the poll waiting for Label Studio at the same time; the others go on.
LOOKS_AT_ONCE = 8
SECONDS_TO_ANSWER = 3.0
# A job that was taken from the queue may need this long to begin its round, and clear its mark.
SECONDS_TO_BEGIN = 3.0
SHARDS_EVERY = 10.0

_LEAD = """
local leader = text(KEYS[1])
if leader and leader ~= ARGV[1] and redis.call('TTL', KEYS[1]) >= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


@dataclass
class Poller:
    """Looks at every connected project now and then and marks those that a round should look at.

    Any number may run; the one that holds the leader key does the looking.
    """

    services: Services
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _next_look: dict[int, float] = field(default_factory=dict)
    _failures: dict[int, int] = field(default_factory=dict)
    _looks: dict[int, Future[None]] = field(default_factory=dict)
    _lost: dict[int, tuple[str, float]] = field(default_factory=dict)
    _next_shards: float = 0.0

    def __post_init__(self) -> None:
        settings = self.services.settings
        one_try = LabelStudio(
            settings.label_studio_url, settings.api_key, timeout=SECONDS_TO_ANSWER, retries=0
        )
        self._outage = Outage(one_try.is_up)

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set."""
        note = QueueNote(self.services.settings.model_dir)
        promote = threading.Thread(
            target=promote_until, args=(self.services, stop), name="promote", daemon=True
        )
        promote.start()
        beating(self.services, POLL, stop)
        tell = threading.Thread(target=notify_until, args=(self.services, stop), name="notify", daemon=True)
        tell.start()
        while not stop.wait(TICK):
            try:
                if self._leads():
                    self.tick()
                note.set(None)
            except (RedisError, QueueUnavailable) as error:
                problem = str(error) if isinstance(error, QueueUnavailable) else why_unavailable(error)
                logger.warning("%s; the poll goes on", problem)
                note.set(problem)
            except BackendError as error:
                logger.warning("%s", error)
            except Exception as error:  # noqa: BLE001
                # A full disk, an answer of a strange shape: without the poll nothing would ever be repaired.
                log_fault(logger, error, "the poll failed and goes on")

    def tick(self) -> None:
        """Look at every project that is due; for one with a slow Label Studio others wait a second."""
        store = self.services.store
        connected = [i for i in store.project_ids() if is_connected(store, i)]
        for gone in set(self._next_look) - set(connected):
            del self._next_look[gone]
        jobs = round_jobs(self.services.redis)
        jobs.repair(connected)
        jobs.promote()
        for project_id in release_dead(self.services.redis, connected):
            logger.warning("project %s: the process of its round has ended", project_id)
        self._wake_the_lost(jobs.lost(connected, self.services.settings.lease))
        is_back = self._outage.has_ended()
        if is_back:
            logger.info("Label Studio answers again")
            self._next_look.clear()
            self._failures.clear()
        looks = []
        for project_id in connected:
            progress = self._progress(project_id).read()
            self._wake_the_dead(project_id, progress, is_back=is_back)
            # What a running round covers is known when it has ended.
            if progress.running_since is None and self._is_due(project_id):
                looks.append(self._begin_look(project_id, progress))
        for done in wait(looks, timeout=TICK).done:
            done.result()
        self._ask_for_shards(connected)

    def _ask_for_shards(self, connected: list[int]) -> None:
        """Queue what is still to be encoded where a worker has died at it, or the queue was lost."""
        now = time.monotonic()
        if now < self._next_shards:
            return
        self._next_shards = now + SHARDS_EVERY
        for project_id in connected:
            settings = self.services.settings
            ask_for_shards(self.services.redis, self.services.store, project_id, settings.job_timeout)

    def _is_due(self, project_id: int) -> bool:
        self._looks = {i: look for i, look in self._looks.items() if not look.done()}
        is_free = project_id not in self._looks and len(self._looks) < LOOKS_AT_ONCE
        return is_free and time.monotonic() >= self._next_look.get(project_id, 0.0)

    def _begin_look(self, project_id: int, progress: Progress) -> Future[None]:
        self._looks[project_id] = look = Future[None]()

        def run() -> None:
            try:
                self._look(project_id, progress)
                look.set_result(None)
            except BaseException as error:  # noqa: BLE001  whoever waits for the look is told
                look.set_exception(error)

        # A daemon, not of a pool: at the end nobody waits for a Label Studio that is silent.
        threading.Thread(target=run, name=f"look-{project_id}", daemon=True).start()
        return look

    def _look(self, project_id: int, progress: Progress) -> None:
        connection = read_connection(self.services.store, project_id) or Connection()
        settings = self.services.settings
        pause = settings.reconcile_interval if connection.webhook_id else settings.poll_interval
        try:
            seen = observe(self.services.label_studio, project_id)
            bind(self.services.store, project_id, seen["bound_to"])
            note_title(self.services.store.folder(project_id), seen["title"])
        except LabelStudioNotFound:
            self._note(project_id, GONE.format(project=project_id), gone=True)
            pause = LONGEST_PAUSE
        except ForeignProject as error:
            self._note(project_id, str(error), foreign=True)
            pause = LONGEST_PAUSE
        except BackendError as error:
            failures = self._failures[project_id] = self._failures.get(project_id, 0) + 1
            pause = min(settings.poll_interval * 2 ** min(failures, 10), LONGEST_PAUSE)
            self._note(project_id, str(error))
            self._outage.suspect()
        else:
            self._failures.pop(project_id, None)
            self._note(project_id, None)
            if is_news(seen, progress.covers) and progress.may_try_again(time.time()):
                self._mark(project_id, "the poll saw a change")
        self._next_look[project_id] = time.monotonic() + pause

    def _wake_the_lost(self, lost: dict[int, str]) -> None:
        """Ask for a new round where a mark has no job, or a round has begun and nobody holds its lease."""
        now = time.monotonic()
        seen = {i: self._lost.get(i, ("", now)) for i in lost}
        self._lost = {i: (why, seen[i][1] if seen[i][0] == why else now) for i, why in lost.items()}
        for project_id, (why, since) in list(self._lost.items()):
            if why.startswith("round") or now - since >= SECONDS_TO_BEGIN:
                progress = self._progress(project_id).read()
                if progress.may_try_again(time.time()):
                    self._mark(project_id, f"{why} was lost")

    def _wake_the_dead(self, project_id: int, progress: Progress, *, is_back: bool) -> None:
        """Ask for a new round where one failed or died, or a rollback is asked for and not done.

        After a failure it waits for the pause to end, or for Label Studio to be back.
        """
        if progress.failures:
            self._outage.suspect()
        if progress.running_since is not None:
            ago = time.time() - progress.running_since
            # Begun in the future: the clock was set back since.
            if not 0 <= ago <= TICK and not self.services.redis.exists(lock_key(project_id)):
                self._mark(project_id, "a round died")
        elif progress.failures and (is_back or progress.may_try_again(time.time())):
            self._mark(project_id, "a round failed")
        elif wished_rollback(self.services.store.folder(project_id)) and progress.may_try_again(time.time()):
            self._mark(project_id, "a rollback is asked for")

    def _mark(self, project_id: int, reason: str) -> None:
        if rests(self.services.store.folder(project_id)):
            # What is seen now will be seen again when the pause is over.
            return
        DirtyMarker.of(self.services).mark_dirty(project_id, reason, delay=0.0)

    def _leads(self) -> bool:
        return bool(self.services.redis.eval(TYPES + _LEAD, 1, LEADER_KEY, self._token, LEADER_SECONDS))

    def _progress(self, project_id: int) -> ProgressFile:
        return ProgressFile(self.services.store.folder(project_id))

    def _note(self, project_id: int, problem: str | None, **what: bool) -> None:
        """Keep since when Label Studio has not answered, or not known the project, for `clean-al status`."""
        note_poll(self.services.store.folder(project_id), problem, **what)
