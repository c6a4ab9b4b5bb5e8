"""`clean-al push`."""

from __future__ import annotations

import click

from backend.cli.common import (
    as_json,
    project_argument,
    resolve_project,
    services,
    show_account,
    tool_option,
)
from backend.exchange.account import Account
from backend.exchange.errand import Errand
from backend.exchange.tools import TOOLS


@click.command()
@project_argument
@tool_option("--to")
@click.option("--follow", is_flag=True, help="Prodigy: wait for new tasks when all were given.")
@click.option(
    "--predictions", is_flag=True, help="Prodigy: show the model's guesses, to be accepted or corrected."
)
@click.option(
    "--segment",
    type=click.IntRange(min=0),
    default=0,
    help="CVAT: images in one job; 0, the default, puts all into one.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be pushed, and push nothing.")
@as_json
def push(
    project: str, tool: str, follow: bool, predictions: bool, segment: int, dry_run: bool, as_json: bool
) -> None:
    """Hand PROJECT's queue to another tool while it runs, the most informative task first.

    CVAT gets what it has not got yet. To Prodigy the queue is a stream on standard output, read anew before
    each task; the account stands on standard error.

    \b
    Example:
      clean-al push 1 --to cvat
      clean-al push 1 --to prodigy --follow | prodigy textcat.manual news - --loader jsonl --label a,b
    """
    chosen = TOOLS[tool]
    if (follow or predictions) and not chosen.is_stream:
        raise click.UsageError(f"--follow and --predictions are for streams; {chosen.title} has none")
    if segment and chosen.is_stream:
        raise click.UsageError(f"--segment is for jobs; {chosen.title} has none")
    world = services()
    found = world.label_studio.project(resolve_project(world.label_studio, project))
    account = Account(chosen.unit)
    errand = Errand(world, found, account, dry_run, follow, predictions, segment)
    chosen.push(errand)
    account.check()
    # A stream has its tasks on standard output, where the account would be one more of them.
    show_account(account, as_json, aside=chosen.is_stream)
