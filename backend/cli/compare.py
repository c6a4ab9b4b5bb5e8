"""`clean-al compare`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from backend.cli.common import as_json, show
from backend.cli.terminal import say, say_lines

COUNT = click.IntRange(min=1)
PLOTS = (".png", ".svg", ".pdf")


@click.command()
@click.argument("data", metavar="DATA.csv", type=click.Path(exists=True, dir_okay=False))
@click.option("--text", required=True, help="The column with the texts.")
@click.option("--label", required=True, help="The column with the labels.")
@click.option("--strategies", help="Names, with commas between; by default a good choice and random.")
@click.option("--budget", type=COUNT, default=300, show_default=True, help="Labels per run.")
@click.option("--batch", type=COUNT, default=20, show_default=True, help="Labels per round.")
@click.option("--seeds", type=COUNT, default=5, show_default=True, help="Runs per strategy.")
@click.option(
    "-o", "--output", default="comparison.png", show_default=True, help="The plot: PNG, SVG or PDF."
)
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
    """Find out on your own labeled file what each strategy would have saved.

    \b
    Example:
      clean-al compare tickets.csv --text subject --label queue
    """
    # scikit-learn and matplotlib take seconds, and a wrong option should be told at once.
    from clean_al.comparison import compare_csv

    names = _checked_names(strategies)
    # Before the work: it takes minutes, and its plot must find a place at the end.
    _check_output(Path(output))
    # On stderr, and not into a pipe: stdout may be JSON that a program reads.
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        try:
            comparison = compare_csv(
                data,
                text=text,
                label=label,
                strategies=names,
                n_labels=budget,
                samples_per_iteration=batch,
                n_seeds=seeds,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        # What is wrong with the file, such as a column that is not there; it names the fix.
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    comparison.plot_learning_curves(output)
    if as_json:
        show(comparison.to_dict())
    else:
        say_lines(comparison.to_table())
        say(f"wrote {Path(output)}")


def _checked_names(strategies: str | None) -> list[str] | None:
    from clean_al.strategies import STRATEGIES

    if strategies is None:
        return None
    names = [name.strip() for name in strategies.split(",")]
    unknown = [name for name in names if name not in STRATEGIES]
    if unknown:
        raise click.UsageError(
            f"--strategies: {unknown[0]!r} is unknown; choose of {', '.join(sorted(STRATEGIES))}"
        )
    # Each once: a name given twice would take minutes for the same curve.
    return list(dict.fromkeys(names))


def _check_output(path: Path) -> None:
    """Now, not after minutes of work."""
    if path.suffix.lower() not in PLOTS:
        raise click.UsageError(f"--output {path}: the name must end in {', '.join(PLOTS)}")
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"--output {path}: there is no folder {path.parent}")
