"""`clean-al options`."""

from __future__ import annotations

import json
from typing import Any

import click

from backend.cli.common import as_json, project_argument, resolve_project, services, show
from backend.cli.terminal import say
from backend.errors import BackendError
from backend.loop.options import project_options, store_options, stored_options
from backend.store.connection import read_connection


@click.command()
@project_argument
@click.argument("given", nargs=-1, metavar="[NAME=VALUE ...]")
@as_json
def options(project: str, given: tuple[str, ...], as_json: bool) -> None:
    """Show the options of PROJECT, or set some; `NAME=` gives one back its default.

    VALUE is JSON, or a plain word. What Label Studio's own ML backend form says comes before what is set
    here. The next round uses them.

    \b
    Example:
      clean-al options 1
      clean-al options 1 batch_size=10 prefill=never 'questions=["topic"]'
    """
    world = services()
    project_id = resolve_project(world.label_studio, project)
    folder = world.store.folder(project_id)
    if given:
        store_options(folder, _changed(stored_options(folder), given))
    # Shown is what a round would use: the form in Label Studio may say otherwise than what was set.
    connection = read_connection(world.store, project_id)
    backend_id = connection.ml_backend_id if connection else None
    found, notes = project_options(world.label_studio, project_id, world.settings, backend_id, folder)
    values = found.model_dump(mode="json")
    if as_json:
        show({"project": project_id, "options": values, "set": stored_options(folder), "notes": list(notes)})
        return
    for name, value in values.items():
        say(f"{name:20} {json.dumps(value)}")
    for note in notes:
        say(f"note: {note}")


def _changed(stored: dict[str, Any], given: tuple[str, ...]) -> dict[str, Any]:
    """Return the stored options with the given ones in their place."""
    changed = dict(stored)
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise BackendError(f"{each!r}: write NAME=VALUE, such as batch_size=10")
        if not value:
            changed.pop(name, None)
            continue
        try:
            changed[name] = json.loads(value)
        except (ValueError, RecursionError):
            # A plain word: nobody wants to quote quotes in a shell.
            changed[name] = value
    return changed
