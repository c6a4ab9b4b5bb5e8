"""`clean-al retrain`."""

from __future__ import annotations

import time

import click

from backend.cli.common import as_json, project_argument, resolve_project, services, show
from backend.errors import BackendError
from backend.jobs import DirtyMarker, force_key, is_connected
from backend.progress import Progress, ProgressFile
from backend.services import Services


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
    before = progress.read()
    world.redis.set(force_key(project_id), "1", ex=3600)
    DirtyMarker.of(world).mark_dirty(project_id, "retrain", delay=0.0)
    if not wait:
        click.echo(f"project {project_id}: a round is queued")
        return
    report = _await(world, project_id, progress, before, timeout)
    if as_json:
        show(report)
    else:
        click.echo(
            f"project {project_id}: {report['outcome']}, {report['labels']} labels, {report['version']}"
        )


def _await(
    world: Services, project_id: int, progress: ProgressFile, before: Progress, timeout: float
) -> dict[str, object]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        now = progress.read()
        if now.report.get("fence") != before.report.get("fence") and not world.redis.exists(
            force_key(project_id)
        ):
            return now.report
        if now.failures > before.failures:
            raise BackendError(f"project {project_id}: the round failed: {now.error}")
        time.sleep(0.2)
    raise BackendError(
        f"project {project_id}: no round ended within {timeout:g} s; is `clean-al serve` or a worker running?"
    )
