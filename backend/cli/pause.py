"""`clean-al pause`, `clean-al resume` and `clean-al rollback`."""

from __future__ import annotations

import click

from backend.cli.common import as_json, known_or_resolved, project_argument, services, show
from backend.cli.terminal import say


@click.command()
@project_argument
@as_json
def pause(project: str, as_json: bool) -> None:
    """Pause the loop of PROJECT (its id or title): the order that is served stays, and no round changes it.

    What annotators do meanwhile is not lost: it is learned when the pause is over.

    \b
    Example:
      clean-al pause 1
    """
    from backend.project import control  # scikit-learn: --help need not wait for it

    world = services()
    # By MODEL_DIR first: a pause is wanted most when Label Studio is in trouble.
    project_id = known_or_resolved(world, project)
    _tell(project_id, control.pause(world, project_id), as_json)


@click.command()
@project_argument
@as_json
def resume(project: str, as_json: bool) -> None:
    """End the pause of PROJECT, and learn what came meanwhile.

    \b
    Example:
      clean-al resume 1
    """
    from backend.project import control

    world = services()
    project_id = known_or_resolved(world, project)
    _tell(project_id, control.resume(world, project_id), as_json)


@click.command()
@project_argument
@click.argument("version", required=False)
@click.option("--pause", "then_pause", is_flag=True, help="Also pause the loop, so that the model stays.")
@click.option("--list", "list_only", is_flag=True, help="Only show the versions that can be served again.")
@as_json
def rollback(project: str, version: str | None, then_pause: bool, list_only: bool, as_json: bool) -> None:
    """Serve an earlier model of PROJECT again: VERSION, or the one before the one that is served.

    It stands until a round has learned something new; with --pause, until the loop is resumed. The last five
    models are kept. Annotations are never touched.

    \b
    Example:
      clean-al rollback 1 --list
      clean-al rollback 1 --pause
    """
    from backend.project import control

    world = services()
    project_id = known_or_resolved(world, project)
    if list_only:
        versions = control.earlier_versions(world.store, project_id)
        if as_json:
            show({"project": project_id, "versions": versions})
            return
        for one in versions or ["no earlier model is kept"]:
            say(one)
        return
    _tell(project_id, control.roll_back_to(world, project_id, version, then_pause=then_pause), as_json)


def _tell(project_id: int, said: str, as_json: bool) -> None:
    if as_json:
        show({"project": project_id, "done": said})
    else:
        say(f"project {project_id}: {said}")
