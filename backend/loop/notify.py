"""A webhook of our own: tells what is worth waking somebody for, once, at the address that was set.

It runs beside the poll and reads MODEL_DIR alone, so that no round waits for it. What was told is kept in
each project's folder, and forgotten when it is over: the next time it is news again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests
from redis.exceptions import RedisError

from backend.errors import BackendError
from backend.log_context import log_fault
from backend.loop.report import NOT_ORDERABLE
from backend.services import Services
from backend.store.connection import is_connected
from backend.store.files import read_record, write_json
from backend.store.insight import Insight, load_insight
from backend.store.poll_note import FILE_NAME as POLL_FILE
from backend.store.poll_note import PollNote
from backend.store.progress import ProgressFile
from backend.store.titles import read_title

logger = logging.getLogger(__name__)

FILE_NAME = "told.json"
STEP = 10.0
PATIENCE = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0
# Label Studio is restarted now and then, and nobody need get up for that.
AWAY_SECONDS = 3600.0
# Failed rounds in a row, with pauses that double: more than ten minutes.
PARKED_AFTER = 6
LEADER_KEY = "clean-al:notifier"
LEADER_SECONDS = 60


@dataclass(frozen=True)
class Event:
    """Something worth telling.

    Attributes
    ----------
    kind : "stop", "parked", "label studio away" or "accuracy fell"
    text : what it is, in a sentence
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Told:
    """The kinds of events that were told and last."""

    kinds: list[str] = field(default_factory=list)


def events_of(folder: Path, now: float) -> Iterator[Event]:
    """Yield what is worth telling of a project now."""
    insight, progress = load_insight(folder), ProgressFile(folder).read()
    if insight.stop.verdict == "stop":
        yield Event("stop", insight.stop.reason)
    poll = read_record(folder / POLL_FILE, PollNote)
    if poll is not None and (poll.gone or poll.foreign):
        yield Event("parked", poll.problem)
    elif progress.report.get("outcome") == NOT_ORDERABLE:
        notes = progress.report.get("notes") or [NOT_ORDERABLE]
        yield Event("parked", str(notes[0]))
    elif progress.failures >= PARKED_AFTER:
        yield Event("parked", f"{progress.error} ({progress.failures} times)")
    if poll is not None and not (poll.gone or poll.foreign) and now - poll.since >= AWAY_SECONDS:
        yield Event("label studio away", f"{poll.problem}, for an hour")
    fell = _fallen(insight)
    if fell is not None:
        yield Event("accuracy fell", fell)


def _fallen(insight: Insight) -> str | None:
    """Return how far accuracy is below an earlier estimate; None unless the intervals lie apart."""
    if len(insight.curve) < 2:
        return None
    now, best = insight.curve[-1], max(insight.curve[:-1], key=lambda point: point.low)
    if now.high >= best.low:
        return None
    return (
        f"accuracy is {now.accuracy:.1%} at {now.labels} labels, it was {best.accuracy:.1%} at {best.labels}"
    )


@dataclass
class Notifier:
    """Tells the events of all connected projects, each once.

    Parameters
    ----------
    url : where to; it may hold a secret, and is never said
    """

    services: Services
    url: str = field(repr=False)
    _failures: int = 0
    _again_at: float = 0.0

    def tick(self, now: float) -> None:
        """Tell what is new; after a failure nothing is told until its pause is over."""
        store = self.services.store
        for project in store.project_ids():
            folder = store.folder(project)
            if is_connected(store, project) and time.monotonic() >= self._again_at:
                self._tell_of(project, folder, list(events_of(folder, now)))

    def _tell_of(self, project: int, folder: Path, events: list[Event]) -> None:
        before = read_record(folder / FILE_NAME, Told) or Told()
        # What is over may be news again.
        lasting = [kind for kind in before.kinds if kind in {event.kind for event in events}]
        for event in events:
            if event.kind not in lasting:
                if not self._post(project, read_title(folder), event):
                    break
                lasting.append(event.kind)
        if lasting != before.kinds:
            write_json(folder / FILE_NAME, asdict(Told(lasting)))

    def _post(self, project: int, title: str, event: Event) -> bool:
        """Send one event; return whether it was taken."""
        name = f"{title} (project {project})" if title else f"project {project}"
        content = {
            # Chats show this field as it is.
            "text": f"Clean AL, {name}: {event.kind}: {event.text}",
            "event": event.kind,
            "reason": event.text,
            "project": project,
            "title": title,
            "address": f"{self.services.settings.label_studio_url}/projects/{project}",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            with requests.Session() as session:
                # No proxy or login of the environment, and nowhere else than where the operator has said.
                session.trust_env = False
                answer = session.post(self.url, json=content, timeout=PATIENCE, allow_redirects=False)
            why = None if answer.ok and not answer.is_redirect else f"answers {answer.status_code}"
        except requests.RequestException as error:
            why = type(error).__name__
        if why is None:
            self._failures = 0
            return True
        pause = min(FIRST_PAUSE * 2 ** min(self._failures, 10), LONGEST_PAUSE)
        self._failures, self._again_at = self._failures + 1, time.monotonic() + pause
        logger.warning("CLEAN_AL_NOTIFY_URL %s; it is told again in %.0f s", why, pause)
        return False


def notify_until(services: Services, stop: threading.Event) -> None:
    """Tell events until `stop` is set; of several polls one does it at a time."""
    url = services.settings.notify_url
    if url is None:
        return
    own = Services(services.settings)
    notifier = Notifier(own, url.get_secret_value())
    while not stop.wait(STEP):
        try:
            if own.impatient_redis.set(LEADER_KEY, "1", nx=True, ex=LEADER_SECONDS):
                try:
                    notifier.tick(time.time())
                finally:
                    own.impatient_redis.delete(LEADER_KEY)
        except (RedisError, BackendError) as error:
            # The poll says so aloud.
            logger.debug("nothing is told: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001  what is told next may be another project's
            log_fault(logger, error, "telling failed and goes on")
