"""What people ask of a connected project's loop: a round now, a pause, an earlier model."""

from __future__ import annotations

from contextlib import suppress

from redis.exceptions import RedisError

from backend.errors import BackendError, QueueUnavailable, SettingsError
from backend.loop.jobs import DirtyMarker, ask_for_forced_round
from backend.loop.lease import take_away
from backend.services import Services
from backend.store.connection import is_connected
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.store.wishes import end_pause, is_paused, note_pause, wish_rollback

LATER = "a round begins as soon as a worker and the queue are up"


class Refused(BackendError):
    """What was asked for makes no sense in the project's state; says what would."""


def round_now(services: Services, project_id: int) -> str:
    """Ask for a round even if nothing is new, and return what becomes of that.

    Raises
    ------
    Refused
        When the loop is off or paused.
    QueueUnavailable
        When Redis does not answer.
    """
    must_be_connected(services.store, project_id)
    if is_paused(services.store.folder(project_id)):
        raise Refused(f"project {project_id} is paused: run clean-al resume {project_id} first")
    try:
        ask_for_forced_round(services.impatient_redis, project_id)
    except RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {type(error).__name__}; is it running?") from None
    DirtyMarker.of(services, services.impatient_redis).mark_dirty(
        project_id, "retrain", delay=0.0, hasten=True
    )
    return "a round is queued"


def pause(services: Services, project_id: int) -> str:
    """Pause a project: no round of it begins, and one that runs publishes nothing more.

    The order that is served stays. What annotators do meanwhile is learned when the pause is over.
    """
    must_be_connected(services.store, project_id)
    if not note_pause(services.store.folder(project_id)):
        return "paused already"
    # After the note: a round that begins now sees it, and one that has begun loses its lease.
    try:
        take_away(services.impatient_redis, project_id)
    except (RedisError, SettingsError):
        return "paused; a round that runs now may still end, for Redis does not answer"
    return "paused"


def resume(services: Services, project_id: int) -> str:
    """End the pause, and ask for a round that learns what came meanwhile."""
    must_be_connected(services.store, project_id)
    if not end_pause(services.store.folder(project_id)):
        return "not paused"
    return f"resumed; {_ask(services, project_id, 'resumed')}"


def roll_back_to(
    services: Services, project_id: int, version: str | None = None, *, then_pause: bool = False
) -> str:
    """Ask for an earlier model to be served again, and return what becomes of that.

    Parameters
    ----------
    version : one of `earlier_versions`; without one the newest of them
    then_pause : also pause the loop, so that the model stays

    Raises
    ------
    Refused
        When the loop is off, or no such version is kept; lists those that are.
    ModelStoreError
        When that model is damaged.
    """
    must_be_connected(services.store, project_id)
    earlier = earlier_versions(services.store, project_id)
    if version is None and earlier:
        version = earlier[0]
    if version is None or version not in services.store.versions(project_id):
        kept = ", ".join(earlier) or "none"
        raise Refused(f"project {project_id}: no such earlier model; versions that are kept: {kept}")
    published = services.store.published(project_id)
    if published and published.version == version:
        raise Refused(f"project {project_id}: {version} is served already")
    # Read now, that a damaged one is told to whoever asks for it.
    services.store.load(project_id, version)
    # First: the other way around, the pause would end the round that rolls back.
    paused = f"{pause(services, project_id)}; " if then_pause else ""
    wish_rollback(services.store.folder(project_id), version)
    return f"{paused}back to {version}; {_ask(services, project_id, 'rollback')}"


def earlier_versions(store: ModelStore, project_id: int) -> list[str]:
    """Return the models that can be served again, newest first: learned before the one that is served."""
    restored = {
        report.get("version"): report["restored"]
        for report in ProgressFile(store.folder(project_id)).history()
        if isinstance(report.get("restored"), str)
    }
    published = store.published(project_id)
    if published is None:
        return []
    origin = restored.get(published.version, published.version)
    return [v for v in store.versions(project_id) if v < origin and v not in restored]


def must_be_connected(store: ModelStore, project_id: int) -> None:
    """Raise `Refused` unless the loop is on for this project."""
    if not is_connected(store, project_id):
        raise Refused(f"project {project_id} is not connected: run clean-al connect {project_id} first")


def _ask(services: Services, project_id: int, reason: str) -> str:
    # Without Redis the poll finds what is to be done.
    with suppress(QueueUnavailable, SettingsError):
        DirtyMarker.of(services, services.impatient_redis).mark_dirty(
            project_id, reason, delay=0.0, hasten=True
        )
        return "a round begins at once"
    return LATER
