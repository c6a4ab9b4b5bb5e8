"""`clean-al export` and `clean-al convert`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import exporters
from backend.cli.common import as_json, project_argument, resolve_project, services
from backend.cli.terminal import safe_json, say_lines
from exporters.files import is_standard_output
from exporters.inputs import read_label_config
from exporters.options import MOST_JOBS, sensible_jobs


class FormatName(click.ParamType):
    """One of the formats there are when the command runs."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the formats, for the help."""
        return f"[{'|'.join(exporters.FORMATS)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; anything else is a usage error that lists the valid ones."""
        return str(click.Choice(list(exporters.FORMATS)).convert(value, param, ctx))


class ExportCommand(click.Command):
    """A command that also has the options which each format declares."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and the formats'."""
        # From the formats themselves: one more of them changes nothing in this file.
        kinds = [form.options for form in exporters.FORMATS.values() if form.options is not None]
        return [
            *super().get_params(ctx),
            *(_flag(each) for kind in kinds for each in fields(kind) if each.metadata),
        ]


def _flag(option: Field[Any]) -> click.Option:
    """Return the flag of a format's option."""
    choices = option.metadata.get("choices")
    return click.Option(
        [f"--{option.name.replace('_', '-')}"],
        is_flag=isinstance(option.default, bool),
        type=click.Choice(choices) if choices else None,
        help=option.metadata["help"],
    )


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both commands pass on to the exporters."""
    # The last decorator comes first in the help, so they are put on from the end.
    for option in reversed(
        [
            click.option(
                "--strict", is_flag=True, help="Write nothing and exit with 1 when anything is lost."
            ),
            click.option(
                "--annotators",
                type=click.Choice(["all", "latest", "ground_truth"]),
                default="all",
                show_default=True,
                help="Which of a task's annotations.",
            ),
            click.option(
                "--predictions/--no-predictions",
                # No default here: it is the exporters' to say, and another one for each of the two commands.
                default=None,
                help="Pre-annotations, marked as such: `convert` writes them, `export` does not, by default.",
            ),
            click.option(
                "--image-root", type=click.Path(file_okay=False), help="Where images lie, for their size."
            ),
            as_json,
        ]
    ):
        command = option(command)
    return command


@click.command(cls=ExportCommand)
@project_argument
@click.option("--format", "target", type=FormatName(), required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    required=True,
    help="gzip when it ends in .gz; - is standard output.",
)
@click.option(
    "--what",
    # Scripts written for 0.1 say "labelled".
    type=click.Choice(("queue", "labeled", "labelled", "all")),
    callback=lambda _context, _option, what: what.replace("labelled", "labeled"),
    metavar="[queue|labeled|all]",
    default="queue",
    show_default=True,
    help="Which tasks.",
)
@_options
def export(project: str, target: str, output: str, what: str, as_json: bool, **options: Any) -> None:
    """Write PROJECT's queue, its labeled tasks or all of them for another tool, in priority order.

    The report at the end counts what was carried, changed and dropped.

    \b
    Example:
      clean-al export 1 --format cvat -o queue.xml
      clean-al export 1 --format prodigy --what labeled -o done.jsonl.gz
    """
    from backend.project.leaving import (  # scikit-learn: `convert` need not wait for it
        image_sizes,
        leaving_tasks,
    )

    world = services()
    project_id = resolve_project(world.label_studio, project)
    found = world.label_studio.project(project_id)
    tasks = leaving_tasks(world.label_studio, project_id, world.store.published(project_id), what)
    with _progress(f"exporting {what}") as progress:
        report = exporters.export_tasks(
            tasks,
            format=target,
            output=output,
            label_config=found["label_config"],
            name=found.get("title") or f"project {project_id}",
            sizes=image_sizes(world.label_studio),
            progress=progress,
            **_given(options),
        )
    _show(report, as_json, output)


@click.command(cls=ExportCommand)
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--from", "from_format", type=FormatName(), help="Found out by default.")
@click.option("--to", "to_format", type=FormatName(), help="Found out from OUT's name.")
@click.option("--label-config", type=click.Path(exists=True, dir_okay=False), help="A labeling config (XML).")
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    help="How many processes read and write side by side; by default one for each processor, up to 8.",
)
@_options
def convert(
    source: str,
    target: str,
    from_format: str | None,
    to_format: str | None,
    label_config: str | None,
    jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert a file between Label Studio JSON, CVAT XML and Prodigy JSONL, in any direction.

    - reads standard input and writes standard output; the report is then printed on standard error.

    \b
    Example:
      clean-al convert export.json annotations.xml
      clean-al convert annotations.xml tasks.json --to label-studio
      curl ... | clean-al convert - - --to prodigy | gzip > tasks.jsonl.gz
    """
    given = {"jobs": jobs or sensible_jobs(), **_given(options)}
    if label_config:
        given["label_config"] = read_label_config(Path(label_config))
    with _progress("converting") as progress:
        report = exporters.convert(
            source, target, from_format=from_format, to_format=to_format, progress=progress, **given
        )
    _show(report, as_json, target)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    # What was not given is not passed on: the exporters know their defaults.
    return {name: value for name, value in options.items() if value is not None}


def _show(report: exporters.ExportReport, as_json: bool, output: str) -> None:
    """Print the report, not among the data where those go to standard output."""
    aside = is_standard_output(Path(output))
    if as_json:
        click.echo(safe_json(report.to_json()), err=aside)
    else:
        say_lines(report.to_text(), err=aside)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show how many items are written, on stderr and only on a terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}: {task.completed:,.0f} items"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bar:
        # Without an end: files are streamed, and nobody has counted their tasks yet.
        task = bar.add_task(what, total=None)
        yield lambda written: bar.update(task, completed=written)
