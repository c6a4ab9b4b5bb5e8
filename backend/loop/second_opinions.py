"""Asks another annotator about labeled tasks: a fifth of the queue at most, among the new tasks.

Label Studio serves a task until it has as many annotations as its own `overlap` says, to users who have not
annotated it. So one more is allowed for a labeled task that is asked about again, and taken back when nobody
wants to know any more. What was allowed is noted first: whoever dies in between has left nothing unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.errors import LabelStudioError, LabelStudioNotFound
from backend.label_studio.client import LabelStudio
from backend.loop.insights.second_opinions import opinions_given
from backend.loop.priorities import Head
from backend.loop.situation import Situation
from backend.store.asked_again import asked_again, note_asked_again
from backend.store.insight import SecondOpinion

logger = logging.getLogger(__name__)

# Every fifth place of the queue, from the second on.
SPACING, FIRST = 5, 1


@dataclass(frozen=True)
class Order:
    """The queue as it is served.

    Attributes
    ----------
    task_ids : array of shape (n,), int64, the next one first
    audit, second : bool arrays of shape (n,), drawn at random; labeled, and asked again
    """

    task_ids: np.ndarray
    audit: np.ndarray
    second: np.ndarray


def to_ask_again(situation: Situation, wanted: Sequence[SecondOpinion]) -> list[int]:
    """Return the labeled tasks to ask another annotator about, as far as they are still as they were."""
    if situation.opinions < 2 or not wanted:
        return []
    labeled = set(situation.labels.task_ids.tolist())
    given = dict(situation.annotations())
    most = max(situation.options.queue_size // SPACING, 1)
    found = [
        one.task
        for one in wanted
        if one.task in labeled
        and 0 < opinions_given(given.get(one.task, ())) < situation.opinions
        and not any(a.ground_truth for a in given[one.task])
    ]
    return found[:most]


def woven(head: Head, candidates: np.ndarray, again: Sequence[int]) -> Order:
    """Return the queue: the new tasks in their order, with the tasks that are asked again between them."""
    new, audit = candidates[head.rows], head.audit
    n = len(again)
    # Where new tasks end before, those that are asked again end the queue together.
    places = np.minimum(FIRST + SPACING * np.arange(n), len(new) + np.arange(n)).astype(np.int64)
    second = np.zeros(len(new) + n, dtype=bool)
    second[places] = True
    ids, audited = np.empty(len(second), dtype=np.int64), np.zeros(len(second), dtype=bool)
    ids[second], ids[~second] = np.array(again, dtype=np.int64), new
    audited[~second] = audit
    return Order(ids, audited, second)


def open_again(label_studio: LabelStudio, folder: Path, situation: Situation, again: Sequence[int]) -> None:
    """Let Label Studio serve these labeled tasks to others, and no longer those that were asked before."""
    before, is_open = asked_again(folder), set(situation.open.tolist())
    to_open = [task for task in again if task not in is_open]
    if not before and not to_open:
        return
    note_asked_again(folder, tuple(dict.fromkeys((*before, *to_open))))
    given = dict(situation.annotations())
    for task in to_open:
        _patch(label_studio, task, overlap=opinions_given(given[task]) + 1, is_labeled=False)
    # One that has got its other opinion is not open any more; nothing is to be taken back.
    to_close = [task for task in before if task not in again and task in is_open]
    closed = list(_closed(label_studio, situation, to_close))
    kept = [t for t in (*before, *to_open) if t in again or (t in to_close and t not in closed)]
    note_asked_again(folder, tuple(dict.fromkeys(kept)))


def _closed(label_studio: LabelStudio, situation: Situation, tasks: Sequence[int]) -> Iterator[int]:
    overlap = int(situation.project.get("maximum_annotations") or 1)
    labeled = set(situation.labels.task_ids.tolist())
    for task in tasks:
        # Without its label it is a new task again, and open as such.
        if _patch(label_studio, task, overlap=overlap, **({"is_labeled": True} if task in labeled else {})):
            yield task


def close_all(label_studio: LabelStudio, folder: Path, project: dict[str, object]) -> list[str]:
    """Take back what was allowed and not made use of; return what was done, a line at most."""
    n = 0
    overlap = int(str(project.get("maximum_annotations") or 1))
    for number in asked_again(folder):
        try:
            task = label_studio.task(number)
        except LabelStudioNotFound:
            continue
        given = int(task.get("total_annotations") or 0)
        if task.get("project") == project["id"] and not task.get("is_labeled"):
            label_studio.update_task(number, overlap=overlap, is_labeled=given >= overlap)
            n += 1
    note_asked_again(folder, ())
    return [f"{n} labeled tasks are not asked again any more"] if n else []


def _patch(label_studio: LabelStudio, task: int, **fields: int) -> bool:
    """Change a task; False where Label Studio refuses: the order is served all the same."""
    try:
        label_studio.update_task(task, **fields)
    except LabelStudioNotFound:
        return True
    except LabelStudioError as error:
        logger.warning("task %s: not opened or closed for another opinion: %s", task, error)
        return False
    return True
