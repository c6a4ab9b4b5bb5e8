"""`clean-al retrain`."""

from __future__ import annotations

import time

import click
from redis.exceptions import RedisError

from backend.cli.common import as_json, project_argument, resolve_project, services, show
from backend.cli.terminal import say
from backend.errors import BackendError, QueueUnavailable
from backend.loop.jobs import DirtyMarker, ask_for_forced_round, force_key
from backend.services import Services
from backend.store.connection import is_connected
from backend.store.progress import Progress, ProgressFile


@click.command()
@project_argument
@click.option("--wait", is_flag=True, help="Wait until the round has ended.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds to wait at the most.")
@as_json
def retrain(project: str, wait: bool, timeout: float, as_json: bool) -> None:
    """Ask for a round of PROJECT now, even if nothing is new.

    \b
    Example:
      clean-al retrain 1 --wait
    """
    world = services()
    project_id = resolve_project(world.label_studio, project)
    if not is_connected(world.store, project_id):
        raise BackendError(f"project {project_id} is not connected: run clean-al connect {project_id} first")
    progress = ProgressFile(world.store.folder(project_id))
    # Before the wish is made: the round may be over before we look for the first time.
    before = progress.read()
    try:
        ask_for_forced_round(world.impatient_redis, project_id)
    except RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {type(error).__name__}; is it running?") from None
    DirtyMarker.of(world, world.impatient_redis).mark_dirty(project_id, "retrain", delay=0.0, hasten=True)
    if not wait:
        if as_json:
            show({"project": project_id, "queued": True})
        else:
            say(f"project {project_id}: a round is queued")
        return
    report = _await(world, project_id, progress, before, timeout)
    if as_json:
        show(report)
    else:
        say(f"project {project_id}: {report['outcome']}, {report['labels']} labels, {report['version']}")


def _await(
    world: Services, project_id: int, progress: ProgressFile, before: Progress, timeout: float
) -> dict[str, object]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        now = progress.read()
        ended = now.report.get("fence") != before.report.get("fence")
        if ended and not _is_wanted(world, project_id):
            return now.report
        if now.failures > before.failures:
            raise BackendError(f"project {project_id}: the round failed: {now.error}")
        time.sleep(0.2)
    raise BackendError(
        f"project {project_id}: no round ended within {timeout:g} s; is `clean-al serve` or a worker running?"
    )


def _is_wanted(world: Services, project_id: int) -> bool:
    """Whether the forced round has not ended yet; while Redis is away there is no knowing."""
    try:
        return bool(world.impatient_redis.exists(force_key(project_id)))
    except RedisError:
        return True
