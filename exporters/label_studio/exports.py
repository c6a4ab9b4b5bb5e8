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
    elif isinstance(thing.get("annotation"), Mapping) and _is_task(thing.get("task")):
        # What a webhook is told: the annotation, and the task beside it.
        yield _of_annotation({**thing["annotation"], "task": thing["task"]}, place), place
    elif (page := _page(thing)) is not None:
        for number, task in enumerate(page, 1):
            yield task, f"{place}, task {number}"
    else:
        yield thing, place


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
