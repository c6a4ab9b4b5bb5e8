"""`clean-al connect` and `clean-al disconnect`."""

from __future__ import annotations

import click

from backend.cli.common import as_json, project_argument, project_number, resolve_project, services, show
from backend.errors import QueueUnavailable, SettingsError
from backend.loop.jobs import DirtyMarker
from backend.project import connect as connection
from backend.project.doctor import diagnose_project
from backend.services import Services


@click.command()
@project_argument
@as_json
def connect(project: str, as_json: bool) -> None:
    """Switch the loop on for PROJECT (its id or title) and say what was changed.

    Adds the ML backend and the webhook to the project, sets its sampling, and asks for the first round.
    Running it again repairs what was removed by hand and changes nothing else.

    \b
    Example:
      clean-al connect 1
    """
    world = services()
    project_id = resolve_project(world.label_studio, project)
    changes = connection.connect(world, project_id)
    changes.append(_first_round(world, project_id))
    findings = [f for f in diagnose_project(world, project_id) if not f.ok]
    if as_json:
        show({"project": project_id, "changes": changes, "findings": [f.as_dict() for f in findings]})
        return
    for line in changes:
        click.echo(f"project {project_id}: {line}")
    for finding in findings:
        click.echo(f"project {project_id}: {finding}")


@click.command()
@project_argument
@click.option("--forget", is_flag=True, help="Also remove the project's models and caches from MODEL_DIR.")
@as_json
def disconnect(project: str, forget: bool, as_json: bool) -> None:
    """Switch the loop off for PROJECT and put back what `connect` found. Annotations are never touched.

    \b
    Example:
      clean-al disconnect 1
    """
    world = services()
    number = project_number(project)
    known = number is not None and number in world.store.project_ids()
    project_id = number if number is not None and known else resolve_project(world.label_studio, project)
    changes = connection.disconnect(world, project_id, forget=forget)
    if as_json:
        show({"project": project_id, "changes": changes})
        return
    for line in changes or ["the loop was not on for this project"]:
        click.echo(f"project {project_id}: {line}")


def _first_round(world: Services, project_id: int) -> str:
    try:
        DirtyMarker.of(world, world.impatient_redis).mark_dirty(
            project_id, "connected", delay=0.0, hasten=True
        )
    except (QueueUnavailable, SettingsError):
        return "the first round runs as soon as `clean-al serve` is up"
    return "the first round is queued"
