"""The exports of Label Studio: read as tasks where they say enough, refused by their name where not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from exporters.errors import InputError
from exporters.foreign import kind_by_keys
from exporters.label_studio.labeling_config import LabelingConfig
from exporters.label_studio.rows import is_row, tasks_of_rows

Placed = tuple[Any, str]
_NOTICES = frozenset(
    f"{thing}_{what}"
    for thing in ("PROJECT", "TASKS", "ANNOTATION", "ANNOTATIONS", "LABEL_LINK")
    for what in ("CREATED", "UPDATED", "DELETED")
)
_OF_NOTICE = frozenset(("action", "project", "tasks", "annotations", "label_link", "label", "organization"))
_TASK = frozenset(("data", "annotations", "completions", "predictions"))


def as_tasks(objects: Iterable[Placed], config: LabelingConfig) -> Iterator[Placed]:
    """Yield (task, place) for the objects of a file, whichever export of Label Studio wrote it.

    Raises
    ------
    InputError
        The file is of another kind, or holds annotations without their tasks; the message names the kind.
    """
    stream = iter(objects)
    for thing, place in stream:
        # A plain task first: asking the abstract class takes longer than all of this.
        if type(thing) is dict and "data" in thing:
            yield thing, place
        elif isinstance(thing, Mapping) and "data" not in thing:
            if is_row(thing):
                yield from tasks_of_rows(_rows(chain([(thing, place)], stream)), config)
                return
            yield from _unwrapped(thing, place)
        else:
            yield thing, place


def _rows(things: Iterable[Placed]) -> Iterator[Placed]:
    for thing, place in things:
        if not is_row(thing):
            raise InputError(f"{place}: no row of JSON_MIN as those before it are")
        yield thing, place


def _unwrapped(thing: Mapping[str, Any], place: str) -> Iterator[Placed]:
    keys = thing.keys()
    kind = kind_by_keys(keys)
    if kind is not None:
        raise InputError(f"{place}: this is {kind}, not tasks of Label Studio; export JSON instead")
    if isinstance(thing.get("result"), list) and not _TASK & keys:
        yield _of_annotation(thing, place), place
    elif (told := _told(thing)) is not None:
        for number, task in enumerate(_of_webhook(told, place), 1):
            yield task, place if len(told) == 1 else f"{place}, task {number}"
    elif (page := _page(thing)) is not None:
        for number, task in enumerate(page, 1):
            yield task, f"{place}, task {number}"
    elif _is_notice(thing):
        raise InputError(f"{place}: a webhook's {thing['action']}, which holds no task; export JSON instead")
    else:
        yield thing, place


def _is_notice(thing: Mapping[str, Any]) -> bool:
    """Return whether this is what a webhook is told of something else than tasks and annotations."""
    action = thing.get("action")
    is_known = isinstance(action, str) and action in _NOTICES
    return is_known and all(key in _OF_NOTICE for key in thing)


def _told(thing: Mapping[str, Any]) -> list[tuple[Any, Any]] | None:
    """Return the annotations that a webhook is told of, each with its task; None for something else."""
    said, tasks = thing.get("annotation"), thing.get("task")
    if isinstance(said, Mapping) and _is_task(tasks):
        return [(said, tasks)]
    if not (isinstance(said, list) and isinstance(tasks, list) and said and all(map(_is_task, tasks))):
        return None
    if not all(isinstance(each, Mapping) for each in said):
        return None
    # One for each annotation, in their order; an annotation that says its task has the last word.
    known = {str(task.get("id")): task for task in tasks}
    beside = [*tasks, *[None] * (len(said) - len(tasks))]
    return [(each, known.get(str(each.get("task")), task)) for each, task in zip(said, beside, strict=False)]


def _of_webhook(told: list[tuple[Any, Any]], place: str) -> list[dict[str, Any]]:
    """Return the tasks of what a webhook is told, each once."""
    keys = [
        f"#{at}" if task is None or task.get("id") is None else str(task["id"])
        for at, (_, task) in enumerate(told)
    ]
    found: dict[str, dict[str, Any]] = {}
    # From the last on: each annotation is put before those that its task has already.
    for key, (said, task) in reversed(list(zip(keys, told, strict=True))):
        found[key] = _of_annotation({**said, "task": found.get(key, task)}, place)
    return [found[key] for key in dict.fromkeys(keys)]


def _page(thing: Mapping[str, Any]) -> list[Any] | None:
    """Return the tasks of a page of Label Studio's API; None when it is none."""
    for key in ("tasks", "results"):
        found = thing.get(key)
        if isinstance(found, list) and found and not _TASK & thing.keys() and all(map(_is_task, found)):
            return found
    return None


def _is_task(thing: Any) -> bool:
    return isinstance(thing, Mapping) and isinstance(thing.get("data"), Mapping)


def _of_annotation(annotation: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the task of an annotation that holds it, as storages on S3, GCS, Azure and disk get it."""
    task = annotation.get("task")
    if not _is_task(task):
        raise InputError(f"{place}: an annotation without its task; export the tasks as JSON")
    assert isinstance(task, Mapping)
    rest = {key: value for key, value in annotation.items() if key != "task"}
    # Both are stored alike; only an annotation says who made it.
    kind = "predictions" if "model_version" in rest and "completed_by" not in rest else "annotations"
    beside = task.get(kind)
    others = [each for each in (beside if isinstance(beside, list) else ()) if not _is_same(each, annotation)]
    return {**task, kind: [rest, *others]}


def _is_same(one: Any, other: Mapping[str, Any]) -> bool:
    """Return whether both are one annotation; a task may list it by its id alone."""
    key = one.get("id") if isinstance(one, Mapping) else one
    return key is not None and key == other.get("id")
