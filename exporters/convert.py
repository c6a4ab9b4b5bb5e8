"""From any format to any other, one item at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporters.errors import LossError, OptionError
from exporters.files import Outputs, is_same_file, is_stream
from exporters.formats import FORMATS, Format, Writer, by_content, by_suffix, check_suffix
from exporters.inputs import STANDARD, open_input
from exporters.json_stream import read_objects
from exporters.label_studio.config import LabelingConfig, parse_config
from exporters.label_studio.copy import TaskCopier
from exporters.label_studio.reader import read_tasks
from exporters.options import Options, make_options
from exporters.records import Item
from exporters.report import ExportReport, Ledger

PROGRESS_EVERY = 500
Placed = Iterable[tuple[Any, str]]


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
        Tasks as Label Studio exports them (id, data, annotations, predictions); `_priority` and `_score`
        may be set. Taken one at a time.
    format : str
        One of `FORMATS`.
    output : str or path
        The file to write; gzip when it ends in `.gz`. It appears when everything is written, or not at all.
        `-` is standard output; pipes and devices are written into.
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
        A format, an option or the output's suffix is unknown; the message lists the valid ones.
    OutputError
        The output cannot be written; what stood there before stands.
    LossError
        With `strict`, when anything was lost.
    """
    chosen = make_options(options)
    form = _format(format)
    config = parse_config(label_config)
    check_suffix(Path(output), format)
    placed = ((task, _place(task, number)) for number, task in enumerate(tasks, 1))
    return _export(placed, format, form, Path(output), config, name, chosen)


def _place(task: Any, number: int) -> str:
    key = task.get("id") if isinstance(task, dict) else None
    return f"item {number}" if key is None else f"task {key}"


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise OptionError(f"format {name!r} is unknown; valid: {', '.join(FORMATS)}")
    return FORMATS[name]


def convert(
    input: str | Path,
    output: str | Path,
    *,
    from_format: str | None = None,
    to_format: str | None = None,
    label_config: str = "",
    name: str = "",
    **options: Any,
) -> ExportReport:
    """Read a file of one format, write it in another, and return the account.

    Parameters
    ----------
    input, output : str or path
        Files; packed with gzip where they end in `.gz`. The output may not be the input. `-` is standard
        input and standard output; pipes and devices are read from and written into.
    from_format, to_format : str, optional
        Of `FORMATS`; told from the suffixes `.xml`, `.jsonl`, `.json`, and the input's from its content.
    label_config : str
        The labeling config of Label Studio tasks that are read; may be empty.
    name : str
        The name of the CVAT task; the input's by default.
    **options
        See `exporters.options.Options`. Predictions are converted too, unless `predictions=False`.

    Raises
    ------
    InputError
        The input is damaged or of another format; the message names the place.
    OptionError
        A format, an option or the output's suffix is unknown; the message lists the valid ones.
    OutputError
        The output cannot be written; what stood there before stands.
    LossError
        With `strict`, when anything was lost.
    """
    source, target = Path(input), Path(output)
    chosen = make_options({"predictions": True, **options})
    if is_same_file(target, source):
        raise OptionError(f"{target}: is the input; write to another file")
    to_name = to_format or by_suffix(target)
    if to_name is None:
        raise OptionError(f"{target.name}: say its format; valid: {', '.join(FORMATS)}")
    form, config = _format(to_name), parse_config(label_config)
    check_suffix(target, to_name)
    with open_input(source) as file:
        from_name = from_format or _told(source) or by_content(file, Path(file.name))
        file.release()
        reader = _format(from_name)
        title = name or ("" if source == STANDARD else source.name.split(".")[0])
        if from_name == "label-studio":
            placed = read_objects(file, file.name)
            return _export(placed, to_name, form, target, config, title, chosen, source)
        ledger = Ledger()
        items = reader.read(file, file.name, config, chosen, ledger)
        return _run(items, form, target, config, title, chosen, ledger, source)


def _told(path: Path) -> str | None:
    """Return the format when the suffix alone tells it: Label Studio writes JSON Lines as well."""
    name = by_suffix(path)
    return name if name == "cvat" else None


def _export(
    placed: Placed,
    to_name: str,
    form: Format,
    path: Path,
    config: LabelingConfig,
    name: str,
    options: Options,
    source: Path | None = None,
) -> ExportReport:
    """Write tasks of Label Studio; to its own format they go whole, without the records in between."""
    ledger = Ledger()
    if to_name != "label-studio":
        items = read_tasks(placed, config, options, ledger)
        return _run(items, form, path, config, name, options, ledger, source)
    outputs = Outputs(source)
    options = _without_companions(options, form, path, ledger)
    try:
        copier = TaskCopier(path, outputs, config.text, options, ledger)
        for task, place in _watched(placed, options):
            copier.write(task, place)
        copier.finish()
        return _settle(outputs, ledger, options)
    finally:
        outputs.discard()


def _run(
    items: Iterable[Item],
    form: Format,
    path: Path,
    config: LabelingConfig,
    name: str,
    options: Options,
    ledger: Ledger,
    source: Path | None = None,
) -> ExportReport:
    outputs = Outputs(source)
    options = _without_companions(options, form, path, ledger)
    writer: Writer | None = None
    try:
        writer = form.writer(path, outputs, config, options, ledger, name)
        for item in _watched(items, options):
            writer.write(item)
        writer.finish()
        return _settle(outputs, ledger, options)
    finally:
        if writer is not None:
            writer.close()
        outputs.discard()


def _without_companions(options: Options, form: Format, path: Path, ledger: Ledger) -> Options:
    """Return the options for this output: beside a stream there is no place for companion files."""
    if not is_stream(path):
        return options
    if options.sidecars and form.companions:
        ledger.notes.append(f"not written beside a stream: {form.companions}; write to a file to have them")
    return replace(options, sidecars=False)


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
