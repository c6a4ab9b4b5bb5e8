"""What several commands share: the project argument, JSON output, the world."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from backend.cli.terminal import JsonFormatter, PlainFormatter, safe_json, say_lines
from backend.errors import LabelStudioNotFound
from backend.exchange.account import Account
from backend.label_studio.client import LabelStudio
from backend.services import Services
from backend.settings import Settings, read_settings
from backend.store.titles import read_title

if TYPE_CHECKING:
    from backend.store.models import ModelStore

# Of the projects, where one was not found.
MOST_LISTED = 20
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
project_argument = click.argument("project", metavar="PROJECT")


def tool_option(flag: str) -> Callable[[Any], Any]:
    """Return the option that names another tool."""
    from backend.exchange.tools import TOOLS

    return click.option(flag, "tool", type=click.Choice(list(TOOLS)), required=True, help="Which tool.")


def services() -> Services:
    """Return the world of this process, from the environment."""
    return Services(settings())


def settings() -> Settings:
    """Return the settings, with logging set up accordingly: to stderr, from LOG_LEVEL up."""
    found = read_settings()
    handler = logging.StreamHandler()
    as_lines = found.log_format == "json"
    handler.setFormatter(
        JsonFormatter() if as_lines else PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=found.log_level, handlers=[handler])
    # The HTTP libraries log every request line and, at DEBUG, headers; none of it helps a user.
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return found


def project_number(name: str) -> int | None:
    """Return the id that a PROJECT argument is; None for a title."""
    # int() would also take signs, underscores and other alphabets' digits, which may be titles.
    return int(name) if re.fullmatch("[0-9]{1,18}", name) else None


def known_project(store: ModelStore, name: str) -> int | None:
    """Return the project of this id or title that MODEL_DIR knows, without asking Label Studio."""
    ids = store.project_ids()
    number = project_number(name)
    if number in ids:
        return number
    titled = [i for i in ids if read_title(store.folder(i)) == name]
    # Several of one title are not told apart here: Label Studio is asked, and lists them.
    return titled[0] if len(titled) == 1 else None


def known_or_resolved(world: Services, name: str) -> int:
    """Return a project's id from MODEL_DIR where that knows it, else from Label Studio."""
    known = known_project(world.store, name)
    return resolve_project(world.label_studio, name) if known is None else known


def resolve_project(label_studio: LabelStudio, name: str) -> int:
    """Return a project's id, given its id or its exact title.

    Raises
    ------
    LabelStudioNotFound
        Lists the projects that there are.
    """
    number = project_number(name)
    if number is not None:
        # No project has this id, so the number may be a title.
        with suppress(LabelStudioNotFound):
            return int(label_studio.project(number)["id"])
    projects = label_studio.projects()
    titled = [p["id"] for p in projects if p.get("title") == name]
    if len(titled) == 1:
        return int(titled[0])
    listed = ", ".join(f"{p['id']} ({p.get('title')})" for p in projects[:MOST_LISTED]) or "none"
    if len(projects) > MOST_LISTED:
        listed += f" and {len(projects) - MOST_LISTED:,} more"
    found = "several projects have this title; give the id" if titled else "no such project"
    raise LabelStudioNotFound(f"PROJECT {name}: {found}. Projects: {listed}")


def show(value: Any, *, err: bool = False) -> None:
    """Print a value as JSON."""
    click.echo(safe_json(json.dumps(value, indent=2, ensure_ascii=False, default=str)), err=err)


def show_account(account: Account, as_json: bool, *, aside: bool = False) -> None:
    """Print what became of what; `aside` where standard output is for data."""
    if as_json:
        show(account.to_dict(), err=aside)
    else:
        say_lines(account.to_text(), err=aside)
