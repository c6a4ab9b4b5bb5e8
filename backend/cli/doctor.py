"""`clean-al doctor`."""

from __future__ import annotations

import click

from backend.cli.common import as_json, known_or_resolved, project_number, services, show
from backend.cli.terminal import say
from backend.project.doctor import diagnose


@click.command()
@click.argument("project", required=False)
@as_json
def doctor(project: str | None, as_json: bool) -> None:
    """Find what keeps the loop from working, here or in PROJECT, and say what to do.

    Exits with 1 when there is a problem.

    \b
    Example:
      clean-al doctor
      clean-al doctor 1
    """
    world = services()
    project_id = None
    if project is not None:
        # A number is not looked up first: where Label Studio is down, that is a finding and no error.
        project_id = project_number(project)
        if project_id is None:
            project_id = known_or_resolved(world, project)
    findings = diagnose(world, project_id)
    if as_json:
        show([f.as_dict() for f in findings])
    else:
        for finding in findings:
            say(str(finding))
    if any(f.level == "problem" for f in findings):
        raise click.exceptions.Exit(1)
