"""From any format to any other, one item at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from exporters.cvat.writer import CvatWriter
from exporters.errors import LossError, OptionError
from exporters.files import Outputs
from exporters.label_studio.config import LabelingConfig, parse_config
from exporters.label_studio.copy import TaskCopier
from exporters.label_studio.reader import read_tasks
from exporters.options import Options, make_options
from exporters.prodigy.writer import ProdigyWriter
from exporters.records import Item
from exporters.report import ExportReport, Ledger

PROGRESS_EVERY = 500


class Writer(Protocol):
    """What every format's writer can do."""

    def write(self, item: Item) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


# One line for each format that records can be written to.
WRITERS: dict[str, type[CvatWriter] | type[ProdigyWriter]] = {"cvat": CvatWriter, "prodigy": ProdigyWriter}
FORMATS = {"cvat": "CVAT XML 1.1", "prodigy": "Prodigy JSON Lines", "label-studio": "Label Studio JSON"}


def export_tasks(
    tasks: Iterable[dict[str, Any]],
    *,
    format: str,
    output: str | Path,
    label_config: str,
    name: str = "",
    **options: Any,
) -> ExportReport:
    """Write Label Studio tasks in the order in which they come, and return the account.

    Parameters
    ----------
    tasks : iterable of dict
        Tasks as Label Studio exports them (id, data, annotations, predictions); `_priority` and `_score` may
        be set.
    format : str
        One of `FORMATS`.
    output : str or path
        The file to write; gzip when it ends in `.gz`. It appears when everything is written, or not at all.
    label_config : str
        The project's labeling config; may be empty.
    name : str
        The name of the CVAT task.
    **options
        See `exporters.options.Options`.

    Raises
    ------
    InputError
        A task is none; the message says which.
    OptionError
        A format or option is unknown; the message lists the valid ones.
    LossError
        With `strict`, when anything was lost.
    """
    chosen = make_options(options)
    config = parse_config(label_config)
    placed = ((task, _place(task, number)) for number, task in enumerate(tasks, 1))
    return _export_placed(placed, _format(format), Path(output), config, name, chosen)


def _place(task: Any, number: int) -> str:
    key = task.get("id") if isinstance(task, dict) else None
    return f"item {number}" if key is None else f"task {key}"


def _format(name: str) -> str:
    if name not in FORMATS:
        raise OptionError(f"format {name!r} is unknown; valid: {', '.join(FORMATS)}")
    return name


def _export_placed(
    placed: Iterable[tuple[Any, str]],
    target: str,
    path: Path,
    config: LabelingConfig,
    name: str,
    options: Options,
) -> ExportReport:
    ledger, outputs = Ledger(), Outputs()
    try:
        if target == "label-studio":
            _copy(placed, TaskCopier(path, outputs, config.text, options, ledger), options)
        else:
            items = read_tasks(placed, config, options, ledger)
            _write(items, WRITERS[target](path, outputs, config, options, ledger, name), options)
        return _settle(outputs, ledger, options)
    except BaseException:
        outputs.discard()
        raise


def _copy(placed: Iterable[tuple[Any, str]], copier: TaskCopier, options: Options) -> None:
    for task, place in _watched(placed, options):
        copier.write(task, place)
    copier.finish()


def _write(items: Iterable[Item], writer: Writer, options: Options) -> None:
    try:
        for item in _watched(items, options):
            writer.write(item)
        writer.finish()
    finally:
        writer.close()


def _watched(things: Iterable[Any], options: Options) -> Iterator[Any]:
    if options.progress is None:
        yield from things
        return
    number = 0
    for number, thing in enumerate(things, 1):
        yield thing
        if number % PROGRESS_EVERY == 0:
            options.progress(number)
    options.progress(number)


def _settle(outputs: Outputs, ledger: Ledger, options: Options) -> ExportReport:
    report = ledger.close()
    if options.strict and not report.lossless:
        raise LossError(report)
    ledger.files = outputs.commit()
    return ledger.close()
