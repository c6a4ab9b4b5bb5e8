"""From annotations to one answer per task and question. The rules stand in docs/loop.md, section Labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from backend.label_studio.records import Annotation
from backend.learning.answers import Answer
from backend.learning.controls import Control


@dataclass(frozen=True)
class Labels:
    """What the annotators have answered to one question so far.

    Attributes
    ----------
    control : whose question it is
    task_ids : array of shape (n_labeled,), int64
        The tasks with an answer, ascending.
    answers : tuple of n_labeled answers, one per task
    empty : number of tasks whose annotations do not answer it
    disagreeing : number of tasks to which annotators gave different answers
    left_config : how many tasks carry each answer that the config no longer has; not learned from
    unreadable : number of tasks with an annotation that the control could not make sense of
    not_asked : number of tasks whose annotators were not shown the question (`visibleWhen`)
    """

    control: Control
    task_ids: np.ndarray
    answers: tuple[Answer, ...]
    empty: int = 0
    disagreeing: int = 0
    left_config: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    not_asked: int = 0

    def __len__(self) -> int:
        return len(self.answers)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many tasks carry each label."""
        return self.control.counts(self.answers)

    @property
    def never_seen(self) -> tuple[str, ...]:
        """The config's labels that nobody has chosen yet."""
        return tuple(label for label in self.control.offered if label not in self.counts)


@dataclass(frozen=True)
class ProjectLabels:
    """What the annotators of a project have said so far, question by question.

    Attributes
    ----------
    questions : the answers to each, in the config's order
    skipped : ids of tasks that were only ever skipped
    """

    questions: tuple[Labels, ...] = ()
    skipped: frozenset[int] = frozenset()

    @cached_property
    def task_ids(self) -> np.ndarray:
        """The tasks with an answer to any question, ascending; shape (n_labeled,), int64."""
        ids = [labels.task_ids for labels in self.questions]
        return np.unique(np.concatenate(ids)) if ids else np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.task_ids)


NO_LABELS = ProjectLabels()


def read_labels(
    annotated: Iterable[tuple[int, Sequence[Annotation]]], controls: Sequence[Control]
) -> ProjectLabels:
    """Return one answer per task and question: the ground truth's, else what its control makes of all."""
    tallies = [_Tally(control) for control in controls]
    skipped: set[int] = set()
    for task, given in annotated:
        finished = [a for a in given if not a.was_cancelled]
        if not finished:
            skipped.add(task)
            continue
        # Ground truth is somebody's last word: what others said beside it neither counts nor disagrees.
        deciding = [a for a in finished if a.ground_truth] or finished
        for tally in tallies:
            tally.add(task, deciding)
    return ProjectLabels(tuple(tally.labels() for tally in tallies), frozenset(skipped))


class _Tally:
    """Gathers the answers to one question, task by task."""

    def __init__(self, control: Control):
        self.control = control
        self.known: dict[int, Answer] = {}
        self.left: Counter[str] = Counter()
        self.empty = self.disagreeing = self.unreadable = self.not_asked = 0

    def add(self, task: int, deciding: Sequence[Annotation]) -> None:
        found, failed = self._read(deciding)
        self.unreadable += failed
        # Not empty: nobody could answer what nobody was shown, and it must not be learned as a "no".
        if not found:
            self.not_asked += not failed
            return
        answers = [answer for answer in found if answer is not None]
        self.disagreeing += len(set(answers)) > 1
        usable = [answer for answer in answers if self.control.in_config(answer)]
        if usable:
            self.known[task] = self.control.settle(usable)
        # Told by name: a label that left the config explains why labels seem to be missing.
        elif answers:
            named = self.control.counts([self.control.settle(answers)])
            # Of a set only some may have left.
            gone = [label for label in named if label not in self.control.offered]
            self.left.update(gone or named.keys())
        else:
            self.empty += 1

    def _read(self, deciding: Sequence[Annotation]) -> tuple[list[Answer | None], bool]:
        """Return the answers of those who were shown the question, and whether some make no sense."""
        found, failed = [], False
        for annotation in deciding:
            try:
                if not self.control.asked(annotation.result):
                    continue
                answer = self.control.answer_of(annotation.result)
                if answer is None and self.control.holds_something(annotation.result):
                    failed = True
                else:
                    found.append(answer)
            except Exception:  # noqa: BLE001  annotations may be imported, and hold anything; one must not end the round
                failed = True
        return found, failed

    def labels(self) -> Labels:
        ids = sorted(self.known)
        return Labels(
            control=self.control,
            task_ids=np.array(ids, dtype=np.int64),
            answers=tuple(self.known[i] for i in ids),
            empty=self.empty,
            disagreeing=self.disagreeing,
            left_config=dict(self.left),
            unreadable=self.unreadable,
            not_asked=self.not_asked,
        )
