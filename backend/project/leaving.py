"""What leaves for other tools: the queue head, the labeled tasks or all, streamed in priority order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

from backend.errors import LabelStudioError, LabelStudioNotFound
from backend.label_studio.client import LabelStudio, greater
from backend.learning.inputs import MAX_IMAGE_BYTES
from backend.learning.pictures import upright_size
from backend.loop.publish import VERSION_PREFIX
from backend.store.models import Published

PAGE_SIZE = 500
AT_ONCE = 4
FIELDS = ("data", "is_labeled", "predictions", "score", "model_version")

Task = dict[str, Any]


def leaving_tasks(
    label_studio: LabelStudio, project_id: int, published: Published | None, what: str
) -> Iterator[Task]:
    """Yield tasks with annotations and predictions: the queue first, in its order, then the others by id.

    Parameters
    ----------
    published : the head that is served; without one the queue is empty
    what : "queue" (what annotators get next), "labeled" (what is annotated), or "all"
    """
    head = published.head if published is not None else ()
    if what == "queue":
        return _queue(label_studio, head)
    if what == "labeled":
        return _labeled(label_studio, project_id)
    seen: set[int] = set()
    queue = (task for task in _queue(label_studio, head) if not seen.add(task["id"]))  # type: ignore[func-returns-value]
    rest = chain.from_iterable(label_studio.iter_tasks(project_id, include=FIELDS, **_WITH))
    return chain(queue, (tidy(task) for task in rest if task["id"] not in seen))


def image_sizes(label_studio: LabelStudio) -> Callable[[str], tuple[int, int] | None]:
    """Return a look-up of an image's size in pixels, upright, for tasks that do not state it."""

    def size_of(path: str) -> tuple[int, int] | None:
        try:
            content = label_studio.download(f"/{path.lstrip('/')}", max_bytes=MAX_IMAGE_BYTES)
        except LabelStudioError:
            return None
        return upright_size(content)

    return size_of


_WITH: dict[str, Any] = {"with_annotations": True, "page_size": PAGE_SIZE}


def _queue(label_studio: LabelStudio, head: tuple[int, ...]) -> Iterator[Task]:
    ids = iter(head)
    rank = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # In parts: the pool would otherwise fetch the whole queue before the first task is written.
        while part := list(islice(ids, 4 * AT_ONCE)):
            for task in pool.map(lambda i: _fetch(label_studio, i), part):
                # Deleted or labeled since the head was made: no longer in the queue, and no rank is left out.
                if task is None or task.get("is_labeled"):
                    continue
                rank += 1
                yield tidy(task) | {"_priority": rank, "_score": _confidence(task)}


def _labeled(label_studio: LabelStudio, project_id: int) -> Iterator[Task]:
    where = [greater("total_annotations", 0)]
    pages = label_studio.iter_tasks(project_id, include=FIELDS, where=where, **_WITH)
    return (tidy(task) for task in chain.from_iterable(pages))


def _fetch(label_studio: LabelStudio, task_id: int) -> Task | None:
    try:
        return label_studio.task(task_id)
    except LabelStudioNotFound:
        return None


def _confidence(task: Task) -> float | None:
    """Return how sure the model is of its own answer, which stands inside the prediction's result."""
    for prediction in task.get("predictions") or []:
        if str(prediction.get("model_version", "")).startswith(VERSION_PREFIX):
            for item in prediction.get("result") or []:
                if isinstance(item.get("score"), int | float):
                    return float(item["score"])
    return None


def tidy(task: Task) -> Task:
    """Return the task with one prediction of ours at the most, its score the model's confidence.

    In Label Studio the score is the task's place in the queue, which means nothing elsewhere.
    """
    predictions = task.get("predictions") or []
    ours = [p for p in predictions if str(p.get("model_version", "")).startswith(VERSION_PREFIX)]
    others = [p for p in predictions if p not in ours]
    # Versions sort by their age; an older one is there only until the next round has cleared up.
    latest = sorted(ours, key=lambda p: str(p["model_version"]))[-1:]
    kept = [p | {"score": _confidence({"predictions": [p]})} for p in latest if p.get("result")]
    return task | {"predictions": others + kept}
