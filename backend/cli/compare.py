"""`clean-al compare`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from backend.cli.common import as_json, show


@click.command()
@click.argument("data", metavar="DATA.csv", type=click.Path(exists=True, dir_okay=False))
@click.option("--text", required=True, help="The column with the texts.")
@click.option("--label", required=True, help="The column with the labels.")
@click.option("--strategies", help="Names, with commas between; by default a good choice and random.")
@click.option("--budget", default=300, show_default=True, help="Labels per run.")
@click.option("--batch", default=20, show_default=True, help="Labels per round.")
@click.option("--seeds", default=5, show_default=True, help="Runs per strategy.")
@click.option("-o", "--output", default="comparison.png", show_default=True, help="The plot.")
@as_json
def compare(
    data: str,
    text: str,
    label: str,
    strategies: str | None,
    budget: int,
    batch: int,
    seeds: int,
    output: str,
    as_json: bool,
) -> None:
    """Find out on your own labelled file what each strategy would have saved.

    \b
    Example:
      clean-al compare tickets.csv --text subject --label queue
    """
    from clean_al.comparison import compare_csv

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        comparison = compare_csv(
            data,
            text=text,
            label=label,
            strategies=[s.strip() for s in strategies.split(",")] if strategies else None,
            n_labels=budget,
            samples_per_iteration=batch,
            n_seeds=seeds,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    comparison.plot_learning_curves(output)
    if as_json:
        show(comparison.to_dict())
    else:
        click.echo(comparison.to_table())
        click.echo(f"wrote {Path(output)}")
