"""`clean-al demo`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from backend.cli.common import as_json, show
from backend.errors import SettingsError


@click.command()
@click.option(
    "--label-studio",
    "binary",
    default="label-studio",
    show_default=True,
    help="The label-studio command; it may lie in an environment of its own.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-out"), show_default=True
)
@click.option("--exit", "leave", is_flag=True, help="End at the end, instead of leaving the servers up.")
@as_json
def demo(binary: str, out: Path, leave: bool, as_json: bool) -> None:
    """Show the whole loop on this machine, with a Label Studio of its own and simulated annotators.

    Two projects (digits as images, docstrings as texts) are labeled in the loop's order and, beside it, in
    random order. Curves and exports go to the folder demo-out; then both servers stay up until Ctrl-C.

    \b
    Example:
      make demo
      clean-al demo --label-studio .venv-label-studio/bin/label-studio --exit
    """
    # Imported when it runs: its servers and learners would hold up a --help.
    from rich.console import Console

    from backend.demo.run import Demo

    found = shutil.which(binary)
    if found is None:
        raise SettingsError(
            f"--label-studio {binary}: no such program; run `make demo`, or install Label Studio into an "
            "environment of its own and name its label-studio command"
        )
    # With --json the results alone go to stdout.
    results = Demo(found, out, stay=not leave).run(Console(stderr=as_json))
    if as_json:
        show(results)
