"""`clean-al pull`."""

from __future__ import annotations

from collections.abc import Iterable

import click

from backend.cli.common import (
    as_json,
    project_argument,
    resolve_project,
    services,
    show_account,
    tool_option,
)
from backend.cli.terminal import say_lines
from backend.errors import BackendError, ExchangeError
from backend.exchange.account import Account
from backend.exchange.arrivals import Arrivals
from backend.exchange.errand import Errand
from backend.exchange.incoming import Incoming, Lost
from backend.exchange.journal import Journal
from backend.exchange.tools import TOOLS
from exporters.errors import ExportError


@click.command()
@project_argument
@tool_option("--from")
@click.argument("source", required=False, default="")
@click.option("--strict", is_flag=True, help="Write nothing and exit with 1 when anything is lost.")
@click.option("--again", is_flag=True, help="Bring back what was deleted in Label Studio since it came.")
@click.option("--dry-run", is_flag=True, help="Say what would come back, and write nothing.")
@as_json
def pull(
    project: str, tool: str, source: str, strict: bool, again: bool, dry_run: bool, as_json: bool
) -> None:
    """Bring finished work of another tool back into PROJECT, each annotation once.

    SOURCE is, for Prodigy, a file that `prodigy db-out` wrote (- is standard input), or the name of a
    dataset where Prodigy is installed. Doing it again adds nothing twice, and what a person has changed in
    Label Studio since is left as it is.

    \b
    Example:
      clean-al pull 1 --from cvat
      prodigy db-out news > news.jsonl; clean-al pull 1 --from prodigy news.jsonl
    """
    chosen = TOOLS[tool]
    if source and not chosen.has_source:
        raise click.UsageError(f"{chosen.title} has no SOURCE: the project's own work is pulled")
    world = services()
    found = world.label_studio.project(resolve_project(world.label_studio, project))
    errand = Errand(world, found, Account("annotation"), dry_run, again=again, source=source)
    if not strict:
        show_account(_delivered(errand, chosen.pull(errand)), as_json)
        return
    # First all is looked at, and only then written: what would be lost can come last.
    coming = list(chosen.pull(errand))
    looked_at = _delivered(errand, coming, dry_run=True)
    if not looked_at.lossless:
        show_account(looked_at, as_json)
        raise ExchangeError("strict: nothing was written, because of the losses above")
    show_account(_delivered(errand, coming, dry_run=dry_run), as_json)


def _delivered(errand: Errand, coming: Iterable[Incoming | Lost], dry_run: bool | None = None) -> Account:
    # With --strict there are two passes; one account for both would count everything twice.
    account = Account("annotation") if dry_run is not None else errand.account
    arrivals = Arrivals(
        errand.services.label_studio,
        errand.project_id,
        errand.config,
        account,
        journal=Journal(errand.services.store.folder(errand.project_id), errand.project),
        dry_run=errand.dry_run if dry_run is None else dry_run,
        again=errand.again,
    )
    try:
        arrivals.deliver(coming)
    except (BackendError, ExportError, OSError):
        # What has been delivered stays delivered, so it is told before the error is.
        if account.seen:
            say_lines("before this:\n" + account.to_text(finished=False), err=True)
        raise
    return account
