"""`clean-al connect` and `clean-al disconnect`."""

from __future__ import annotations

import sys

import click

from backend.cli.common import (
    as_json,
    known_or_resolved,
    project_argument,
    resolve_project,
    services,
    show,
)
from backend.cli.terminal import say
from backend.errors import QueueUnavailable, SettingsError
from backend.loop.jobs import DirtyMarker
from backend.project import connect as connection
from backend.project.doctor import diagnose_project
from backend.project.outlook import Outlook, look_ahead
from backend.services import Services


@click.command()
@project_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be learned, read and changed.")
@as_json
def connect(project: str, dry_run: bool, as_json: bool) -> None:
    """Switch the loop on for PROJECT (its id or title) and say what was changed.

    Adds the ML backend, the webhook and the tab for likely wrong labels to the project and asks for the first
    round, which switches the sampling. A project of which not even an order can be made is refused, and
    nothing is changed. Running it again repairs what was removed by hand and changes nothing else.

    \b
    Example:
      clean-al connect 1 --dry-run
      clean-al connect 1
    """
    world = services()
    project_id = resolve_project(world.label_studio, project)
    if dry_run:
        _say_what_would_be(look_ahead(world, project_id), project_id, as_json)
        return
    changes = connection.connect(world, project_id)
    # The queue may be down: the project is connected all the same, and the poll begins its first round.
    changes.append(_first_round(world, project_id))
    findings = [f for f in diagnose_project(world, project_id) if not f.ok]
    if as_json:
        show({"project": project_id, "changes": changes, "findings": [f.as_dict() for f in findings]})
    else:
        for line in (*changes, *findings):
            say(f"project {project_id}: {line}")
    if any(finding.level == "problem" for finding in findings):
        sys.exit(1)


def _say_what_would_be(outlook: Outlook, project_id: int, as_json: bool) -> None:
    if as_json:
        show({"project": project_id, "outlook": outlook.as_dict()})
    else:
        for line in outlook.lines():
            say(f"project {project_id}: {line}")
        if not outlook.problem:
            would = (
                "an ML backend, a webhook and a tab for likely wrong labels would be added; the first round "
                "would switch the sampling"
            )
            say(f"project {project_id}: {would}")
    if outlook.problem:
        sys.exit(1)


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
    # First by MODEL_DIR: a project that is gone from Label Studio must be disconnected, too.
    project_id = known_or_resolved(world, project)
    changes = connection.disconnect(world, project_id, forget=forget)
    if as_json:
        show({"project": project_id, "changes": changes})
        return
    for line in changes or ["the loop was not on for this project"]:
        say(f"project {project_id}: {line}")


def _first_round(world: Services, project_id: int) -> str:
    try:
        DirtyMarker.of(world, world.impatient_redis).mark_dirty(
            project_id, "connected", delay=0.0, hasten=True
        )
    except (QueueUnavailable, SettingsError):
        return "the first round runs as soon as `clean-al serve` is up"
    return "the first round is queued"
