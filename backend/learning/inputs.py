"""Which part of a task's data is learned from, and how its values are had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.errors import LabelingConfigError, LabelStudioError, LabelStudioUnreachable
from backend.learning.labeling_config import read_controls
from backend.learning.vectorize.image import thumbnail
from backend.learning.vectorize.numbers import as_array, as_numbers

TEXT_TAGS = ("Text", "HyperText", "Paragraphs")
IMAGE_TAG = "Image"
EMBEDDING_FIELD = "embedding"
MAX_IMAGE_BYTES = 32 * 2**20
DOWNLOADS_AT_ONCE = 4
DOWNLOADS_QUEUED = 1000


@dataclass(frozen=True)
class InputSpec:
    """What is read of each task: the kind of vectorizer and the fields of the task data."""

    kind: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """What annotators are shown: an object tag of the labeling config and its field of the task data."""

    object_tag: str
    field: str


def shown_object(label_config: str) -> Shown:
    """Return the text or image that annotators are shown, or nothing that we read."""
    for tag in read_controls(label_config):
        if tag.object_tag in (*TEXT_TAGS, IMAGE_TAG) and tag.field:
            return Shown(tag.object_tag, tag.field)
    return Shown("", "")


def choose_input(shown: Shown, sample: Sequence[Mapping[str, Any]], fields: Sequence[str] = ()) -> InputSpec:
    """Return what to learn from, seeing a sample of task data.

    In this order: the fields that the project names; a vector named `embedding`; the text or the image that
    annotators are shown; every numeric field.

    Raises
    ------
    LabelingConfigError
        When the tasks have none of these.
    """
    if fields:
        return InputSpec("numbers", tuple(fields))
    if _most(sample, lambda data: isinstance(data.get(EMBEDDING_FIELD), list)):
        return InputSpec("numbers", (EMBEDDING_FIELD,))
    if shown.object_tag == IMAGE_TAG and shown.field:
        return InputSpec("image", (shown.field,))
    if shown.object_tag in TEXT_TAGS and shown.field:
        return InputSpec("text", (shown.field,))
    numeric = sorted({k for data in sample for k, v in data.items() if as_numbers(v) is not None})
    if numeric:
        return InputSpec("numbers", tuple(numeric))
    raise LabelingConfigError(
        f"task data: nothing to learn from on <{shown.object_tag or '?'}>; add a vector named "
        f"`{EMBEDDING_FIELD}` or numeric fields to the task data, or use <Text> or <Image>"
    )


def read_values(
    spec: InputSpec, data: Iterable[Mapping[str, Any]], download: Callable[[str], bytes]
) -> list[Any]:
    """Return what the vectorizer of `spec.kind` reads of each task; None where it cannot be had.

    Raises
    ------
    LabelStudioUnreachable
        When images cannot be fetched now; a picture that is missing, refused or damaged is None instead.
    """
    if spec.kind == "numbers":
        return [{field: as_array(look_up(d, field)) for field in spec.fields} for d in data]
    (field,) = spec.fields
    values = [look_up(d, field) for d in data]
    if spec.kind == "text":
        return values
    pictures: list[Any] = []
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        for i in range(0, len(values), DOWNLOADS_QUEUED):
            pictures += pool.map(lambda value: _fetch(value, download), values[i : i + DOWNLOADS_QUEUED])
    return pictures


def look_up(data: Mapping[str, Any], field: str) -> Any:
    """Return `data[field]`, reading dots as nesting where there is no such key."""
    if field in data:
        return data[field]
    value: Any = data
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _fetch(value: Any, download: Callable[[str], bytes]) -> np.ndarray | None:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str) or not value:
        return None
    try:
        # Shrunk here and now: the files of a whole pool would not fit into memory.
        return thumbnail(download(value))
    except LabelStudioUnreachable as error:
        # 500 for one file is an answer about that file; it must not keep the project from going on.
        if error.status != 500:
            raise
        return None
    except LabelStudioError:
        return None


def _most(sample: Iterable[Mapping[str, Any]], holds: Callable[[Mapping[str, Any]], bool]) -> bool:
    answers = [holds(data) for data in sample]
    return sum(answers) * 2 > len(answers)
