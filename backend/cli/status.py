"""`clean-al status`."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.cli.common import as_json, known_project, services, show
from backend.cli.terminal import plain, say
from backend.errors import BackendError
from backend.project.overview import ProjectStatus, named, project_status
from backend.store.titles import read_title

WIDE = 200
LONGEST_CELL = 300


@click.command()
@click.argument("project", required=False)
@as_json
def status(project: str | None, as_json: bool) -> None:
    """Show how each connected project stands, or all about one PROJECT (its id or title).

    It reads MODEL_DIR alone, so it answers when Label Studio or Redis are down.

    \b
    Example:
      clean-al status
      clean-al status 1 --json
    """
    # The store alone: the client and Redis are made at their first use, which is never.
    store = services().store
    ids = store.project_ids()
    if project is not None:
        number = known_project(store, project)
        if number is None:
            known = ", ".join(named(i, read_title(store.folder(i))) for i in ids) or "none"
            raise BackendError(f"PROJECT {project}: the loop was never on for it; known projects: {known}")
        ids = [number]
    found = [project_status(store, i) for i in ids]
    if as_json:
        show([s.as_dict() for s in found])
    elif not found:
        say("no project is connected; start with: clean-al connect PROJECT")
    elif project is None:
        # In a pipe there is no width to fit into, and nobody to read folded words.
        Console(width=None if sys.stdout.isatty() else WIDE).print(_table(found))
    else:
        _print_one(found[0])


def _table(found: list[ProjectStatus]) -> Table:
    table = Table(
        "project",
        "title",
        "state",
        "labels",
        "candidates",
        "queue",
        "accuracy",
        "rounds",
        "last round",
        "problem",
    )
    for s in found:
        numbers = (s.labels, s.candidates, s.queue, s.accuracy.short, s.rounds)
        cells = (s.project, s.title or "-", s.state, *numbers, s.last_round or "-", s.problem or "-")
        # As texts: rich would obey `[...]` in a label, or end on it.
        table.add_row(*(Text(plain(cell, LONGEST_CELL)) for cell in cells))
    return table


def _print_one(s: ProjectStatus) -> None:
    say(f"project {named(s.project, s.title)}: {s.state}")
    if s.paused_since:
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(s.paused_since))
        say(f"  paused       since {since}; clean-al resume {s.project} goes on")
    say(f"  arrives by   {'webhook, and a poll to make sure' if s.webhook else 'poll'}")
    say(f"  model        {s.version if s.has_model else 'none yet'}")
    say(f"  labels       {s.labels}, still to label {s.candidates}, queue head {s.queue}")
    say(f"  accuracy     {s.accuracy}")
    stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in s.seconds.items())
    say(f"  last round   {s.last_round or '-'} ({stages or '-'}); {s.rounds} in all")
    if s.problem:
        say(f"  problem      {s.problem}")
    for note in s.notes:
        say(f"  note         {note}")
