"""`clean-al status`."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.cli.common import as_json, known_project, services, show
from backend.cli.terminal import plain, say
from backend.errors import BackendError
from backend.loop.heartbeat import Alive, ask_alive
from backend.project.overview import ProjectStatus, named, project_status
from backend.project.times import local_time
from backend.store.titles import read_title

WIDE = 200
LONGEST_CELL = 300


@click.command()
@click.argument("project", required=False)
@as_json
def status(project: str | None, as_json: bool) -> None:
    """Show how each connected project stands, or all about one PROJECT (its id or title).

    It reads MODEL_DIR, and asks Redis which workers run; it answers when Label Studio or Redis are down, too.

    \b
    Example:
      clean-al status
      clean-al status 1 --json
    """
    # Label Studio is not asked: its client is made at its first use, which is never.
    world = services()
    store = world.store
    ids = store.project_ids()
    if project is not None:
        number = known_project(store, project)
        if number is None:
            known = ", ".join(named(i, read_title(store.folder(i))) for i in ids) or "none"
            raise BackendError(f"PROJECT {project}: the loop was never on for it; known projects: {known}")
        ids = [number]
    alive = ask_alive(world)
    found = [project_status(store, i, alive) for i in ids]
    if as_json:
        show([s.as_dict() for s in found])
    elif not found:
        say("no project is connected; start with: clean-al connect PROJECT")
    elif project is None:
        # In a pipe there is no width to fit into, and nobody to read folded words.
        Console(width=None if sys.stdout.isatty() else WIDE).print(_table(found))
        say(_running(alive))
    else:
        _print_one(found[0])


def _running(alive: Alive) -> str:
    """Return which processes run, as they have said themselves within the last seconds."""
    if alive.problem is not None:
        return f"running: not known: {alive.problem}"
    counts = ((alive.workers, "worker"), (alive.polls, "poll"), (alive.webs, "web process"))
    return "running: " + ", ".join(f"{n} {what}{_plural(n, what)}" for n, what in counts)


def _plural(n: int, what: str) -> str:
    return "" if n == 1 else "es" if what.endswith("s") else "s"


def _table(found: list[ProjectStatus]) -> Table:
    table = Table(
        "project",
        "title",
        "state",
        "labels",
        "to label",
        "queue",
        "accuracy",
        "rounds",
        "last round",
        "problem",
    )
    for s in found:
        numbers = (s.labels, s.candidates, s.queue, s.accuracy.short, s.rounds)
        cells = (s.project, s.title or "-", s.state, *numbers, local_time(s.last_round), s.problem or "-")
        # As texts: rich would obey `[...]` in a label, or end on it.
        table.add_row(*(Text(plain(cell, LONGEST_CELL)) for cell in cells))
    return table


def _print_one(s: ProjectStatus) -> None:
    say(f"project {named(s.project, s.title)}: {s.state}")
    if s.paused_since:
        say(f"  paused       since {local_time(s.paused_since)}; clean-al resume {s.project} goes on")
    say(f"  arrives by   {'webhook, and a poll to make sure' if s.webhook else 'poll'}")
    say(f"  model        {s.version if s.has_model else 'none yet'}")
    say(f"  labels       {s.labels}, still to label {s.candidates}, queue {s.queue}")
    say(f"  accuracy     {s.accuracy}")
    say(f"  enough?      {s.stop.verdict}{f': {s.stop.reason}' if s.stop.reason else ''}")
    if s.savings is not None:
        say(f"  saved        {s.savings} against a random order")
    if s.suspects:
        say(f"  suspects     {s.suspects} labels are probably wrong: clean-al suspects {s.project}")
    stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in s.seconds.items())
    say(f"  last round   {local_time(s.last_round)} ({stages or '-'}); {s.rounds} in all")
    if s.problem:
        say(f"  problem      {s.problem}")
    for note in s.notes:
        say(f"  note         {note}")
