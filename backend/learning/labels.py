"""From annotations to one label per task. The rules stand in docs/loop.md, section Labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.label_studio.records import Annotation
from backend.learning.controls import Control


@dataclass(frozen=True)
class Labels:
    """What the annotators have said so far.

    Attributes
    ----------
    task_ids : array of shape (n_labeled,), int64
        The tasks with a label, ascending.
    values : tuple of n_labeled labels, one per task
    skipped : ids of tasks that were only ever skipped
    empty : number of tasks whose annotations choose nothing
    disagreeing : number of tasks on which annotators chose different labels
    left_config : how many tasks carry each label that the config no longer has; not learned from
    never_seen : the config's labels that nobody has chosen yet
    """

    task_ids: np.ndarray
    values: tuple[str, ...]
    skipped: frozenset[int]
    empty: int
    disagreeing: int
    left_config: dict[str, int]
    never_seen: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def classes(self) -> int:
        """How many different labels were chosen."""
        return len(set(self.values))


NO_LABELS = Labels(np.empty(0, dtype=np.int64), (), frozenset(), 0, 0, {}, ())


def read_labels(annotated: Iterable[tuple[int, Sequence[Annotation]]], control: Control) -> Labels:
    """Return one label per task: the ground truth's, else the majority's, else the latest of the tied."""
    known: dict[int, str] = {}
    left: Counter[str] = Counter()
    skipped: set[int] = set()
    empty = disagreeing = 0
    for task, given in annotated:
        finished = [a for a in given if not a.was_cancelled]
        if not finished:
            skipped.add(task)
            continue
        votes = _votes(finished, control)
        disagreeing += len(set(votes)) > 1
        usable = [v for v in votes if v in control.labels]
        if usable:
            known[task] = _decide(usable)
        elif votes:
            left[_decide(votes)] += 1
        else:
            empty += 1
    ids = sorted(known)
    return Labels(
        task_ids=np.array(ids, dtype=np.int64),
        values=tuple(known[i] for i in ids),
        skipped=frozenset(skipped),
        empty=empty,
        disagreeing=disagreeing,
        left_config=dict(left),
        never_seen=tuple(label for label in control.labels if label not in set(known.values())),
    )


def _votes(finished: Sequence[Annotation], control: Control) -> list[str]:
    """Return the labels that count, oldest first: the ground truth's alone where there is one."""
    deciding = [a for a in finished if a.ground_truth] or finished
    labels = (control.label_of(a.result) for a in deciding)
    return [label for label in labels if label is not None]


def _decide(votes: Sequence[str]) -> str:
    counts = Counter(votes)
    most = max(counts.values())
    return next(label for label in reversed(votes) if counts[label] == most)
