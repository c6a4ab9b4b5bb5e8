"""`clean-al suspects`."""

from __future__ import annotations

import click

from backend.cli.common import as_json, known_or_resolved, project_argument, services, show
from backend.cli.terminal import plain, say
from backend.project.overview import named
from backend.store.insight import Suspect, load_insight
from backend.store.titles import read_title

LONGEST_LABEL = 60


@click.command()
@project_argument
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many.")
@as_json
def suspects(project: str, most: int, as_json: bool) -> None:
    """Show the labels of PROJECT that are probably wrong, the likeliest first, each with its reason.

    The list is of the last round that estimated; a label that has been changed since, or confirmed as ground
    truth, is gone after the next round. It reads MODEL_DIR alone.

    \b
    Example:
      clean-al suspects 1
      clean-al suspects Topics --json
    """
    world = services()
    number = known_or_resolved(world, project)
    folder = world.store.folder(number)
    insight = load_insight(folder)
    # On standard error also beside JSON: an empty list from a damaged file would look like good labels.
    for problem in insight.problems:
        say(problem, err=True)
    if as_json:
        show([vars(suspect) for suspect in insight.suspects[:most]])
        return
    name = named(number, read_title(folder))
    n = len(insight.suspects)
    say(f"project {name}: {n} likely wrong {'label' if n == 1 else 'labels'}")
    for suspect in insight.suspects[:most]:
        say(_line(suspect, world.settings.label_studio_url, number))
    if n > most:
        say(f"and {n - most} more; --most {n} shows them")


def _line(suspect: Suspect, label_studio: str, project: int) -> str:
    """Return one suspect, with the address under which its task opens."""
    given, suggested = (plain(label, LONGEST_LABEL) for label in (suspect.given, suspect.suggested))
    of = f"{suspect.question}: " if suspect.question else ""
    where = f"{label_studio}/projects/{project}/data?task={suspect.task}"
    return f"  {suspect.score:.0%}  {of}{given} -> {suggested}?  {suspect.reason}  {where}"
