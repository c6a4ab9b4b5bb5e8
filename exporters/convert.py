"""From any format to any other, one item at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from exporters.contract import PROGRESS_EVERY, Copier, Format, Job, Placed, Writer
from exporters.errors import InputError, LossError, OptionError
from exporters.files import Outputs, is_same_file, is_stream
from exporters.formats import FORMATS, by_content, by_suffix, check_suffix, format_named
from exporters.inputs import STANDARD, Readable, open_input
from exporters.label_studio.copy import TaskCopier
from exporters.label_studio.format import LABEL_STUDIO
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.label_studio.reader import read_tasks
from exporters.options import Options, make_options
from exporters.records import Item
from exporters.report import ExportReport
from exporters.side_by_side.flow import take_side_by_side
from exporters.side_by_side.road import road_between


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
    target, path = format_named(format), Path(output)
    check_suffix(path, target)
    job = Job(path, title=name, config=read_labeling_config(label_config), options=_options(options))
    job = _fitting(job, target)
    placed = ((task, _place(task, number)) for number, task in enumerate(tasks, 1))
    with _told_if_deep("a task"):
        if target is LABEL_STUDIO:
            with _closing(TaskCopier, job) as copier:
                _copy(placed, copier, job)
                return _settle(copier, job)
        return _run(read_tasks(placed, job.config, job.options, job.ledger.reading()), target, job)


@contextmanager
def _told_if_deep(name: str) -> Iterator[None]:
    """Name the input that Python's stack is too small for: how deep is too deep depends on who calls."""
    try:
        yield
    except RecursionError:
        raise InputError(f"{name}: nested too deeply to be converted") from None


def _place(task: Any, number: int) -> str:
    key = task.get("id") if isinstance(task, dict) else None
    return f"item {number}" if key is None else f"task {key}"


def _options(given: dict[str, Any]) -> Options:
    return make_options(given, [form.options for form in FORMATS.values() if form.options is not None])


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
    source, path = Path(input), Path(output)
    chosen = _options({"predictions": True, **options})
    # Before anything is opened: a pipe that is both ends of itself would wait for ever.
    if is_same_file(path, source):
        raise OptionError(f"{path}: is the input; write to another file")
    to_name = to_format or by_suffix(path)
    if to_name is None:
        raise OptionError(f"{path.name}: say its format; valid: {', '.join(FORMATS)}")
    target, config = format_named(to_name), read_labeling_config(label_config)
    check_suffix(path, target)
    with open_input(source) as file, _told_if_deep(file.name):
        form = format_named(from_format or by_content(file, Path(file.name)))
        # The format is known: from here on nothing of the input is kept for going back.
        file.release()
        title = name or ("" if source == STANDARD else source.name.split(".")[0])
        job = _fitting(Job(path, Outputs(source), title, config, chosen), target)
        # Through the records a task would lose what they have no place for; of its own format it needs none
        # of them.
        verbatim = form.verbatim if form is target else None
        road = road_between(form, target) if chosen.jobs > 1 else None
        make: Callable[[Job], Any] = target.write if verbatim is None else verbatim.writer
        with _closing(make, job) as writer:
            rest: Readable | None = file
            if road is not None:
                rest = take_side_by_side(file, road, writer, job, chosen.jobs)
            if rest is not None and verbatim is not None:
                _copy(verbatim.objects(rest, file.name, job), writer, job)
            elif rest is not None:
                _write(form.read(rest, file.name, _reading(job)), writer, job)
            return _settle(writer, job, None if verbatim else job.ledger.check)


def _reading(job: Job) -> Job:
    return replace(job, ledger=job.ledger.reading())


def _copy(placed: Iterable[Placed], copier: Copier, job: Job) -> None:
    """Write things as they are, without the records in between."""
    for thing, place in _watched(placed, job.options):
        copier.write(thing, place)


def _run(items: Iterable[Item], target: Format, job: Job) -> ExportReport:
    with _closing(target.write, job) as writer:
        _write(items, writer, job)
        return _settle(writer, job, job.ledger.check)


def _write(items: Iterable[Item], writer: Writer, job: Job) -> None:
    for item in _watched(items, job.options):
        job.ledger.hand(item)
        writer.write(item)


W = TypeVar("W", bound=Writer | Copier)


@contextmanager
def _closing(make: Callable[[Job], W], job: Job) -> Iterator[W]:
    """Give the writer; afterwards nothing is left open, nor any file that was not put in place."""
    writer: W | None = None
    try:
        writer = make(job)
        yield writer
    finally:
        if writer is not None:
            # Also after a failure, and before the discard: Windows removes no file that is open.
            writer.close()
        job.outputs.discard()


def _fitting(job: Job, target: Format) -> Job:
    """Return the job for this output: beside a stream there is no place for companion files."""
    if not is_stream(job.path):
        return job
    if job.options.sidecars and target.companions:
        told = f"not written beside a stream: {target.companions}; write to a file to have them"
        job.ledger.notes.append(told)
    return replace(job, options=replace(job.options, sidecars=False))


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


def _settle(writer: Writer | Copier, job: Job, check: Callable[[], None] | None = None) -> ExportReport:
    writer.finish()
    if check is not None:
        check()
    # Before the files are put in place: with `strict` a loss must leave what stood there.
    report = job.ledger.close()
    if job.options.strict and not report.lossless:
        raise LossError(report)
    job.ledger.files = job.outputs.commit()
    return job.ledger.close()
