"""`clean-al retrain`."""

from __future__ import annotations

import time

import click
from redis.exceptions import RedisError

from backend.cli.common import as_json, project_argument, resolve_project, services, show
from backend.cli.terminal import say
from backend.errors import BackendError
from backend.loop.jobs import force_key
from backend.project import control
from backend.services import Services
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
    progress = ProgressFile(world.store.folder(project_id))
    # Before the wish is made: the round may be over before we look for the first time.
    before = progress.read()
    said = control.round_now(world, project_id)
    if not wait:
        if as_json:
            show({"project": project_id, "queued": True})
        else:
            say(f"project {project_id}: {said}")
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
    # By the file, not by a job's result: the round may be another worker's, or one that was queued before.
    while time.monotonic() < deadline:
        now = progress.read()
        # One that ran already may end first: while our wish is there, its round is yet to come.
        ended = now.report.get("fence") != before.report.get("fence")
        if ended and not _is_wanted(world, project_id):
            return now.report
        # By its time: failures are counted up to a limit, and one more leaves the count as it is.
        if now.failed_at != before.failed_at and now.error is not None:
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
