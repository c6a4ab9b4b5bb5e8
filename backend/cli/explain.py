"""`clean-al explain`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from backend.cli.common import as_json, resolve_project, services, show
from backend.cli.terminal import say
from backend.learning.verdict import Outcome, Verdict, judge
from backend.project.outlook import look_ahead


@click.command()
@click.argument("subject", metavar="CONFIG|PROJECT")
@as_json
def explain(subject: str, as_json: bool) -> None:
    """Say what is learned, ordered and read of a labeling CONFIG (a file) or of a PROJECT and its tasks.

    The verdict is "learned", "ordered" (nothing to learn, yet the tasks get an order) or "refused". A file is
    judged without Label Studio.

    \b
    Example:
      clean-al explain config.xml
      clean-al explain 1 --json
    """
    path = Path(subject)
    # By its name, too: a mistyped config.xml is missed as a file. Any other dot may stand in a title.
    is_file = path.suffix.lower() == ".xml" or path.is_file()
    verdict, lines = _of_file(path) if is_file else _of_project(subject)
    if as_json:
        show(asdict(verdict) | {"notes": lines})
    else:
        _print(verdict, lines)
    if verdict.outcome is Outcome.REFUSED:
        sys.exit(1)


def _of_file(path: Path) -> tuple[Verdict, list[str]]:
    # Whatever bytes it holds, the parser says what is wrong with them.
    return judge(path.read_bytes().decode("utf-8", "replace")), []


def _of_project(name: str) -> tuple[Verdict, list[str]]:
    world = services()
    outlook = look_ahead(world, resolve_project(world.label_studio, name))
    return outlook.verdict, [*outlook.notes, *outlook.gaps]


def _print(verdict: Verdict, lines: list[str]) -> None:
    say(f"{verdict.outcome}: {verdict.why}")
    for control in verdict.controls:
        say(f'  <{control.tag} name="{control.name}">  {control.outcome}: {control.why}')
    for shown in verdict.objects:
        read = f"read as {', '.join(shown.read_as)}" if shown.read_as else "not read"
        name = f' name="{shown.name}"' if shown.name else ""
        say(f'  <{shown.tag}{name} value="{shown.value}">  {read}')
    for kind, fields in verdict.inputs:
        say(f"  features: {kind} of {', '.join(fields)}")
    for line in lines:
        say(f"  note: {line}")
