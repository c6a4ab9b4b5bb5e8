"""The queue's first tasks, and why each was chosen, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backend.learning.answers import Guess
from backend.learning.controls import Control
from backend.learning.labeling_config import ObjectTag, shown_objects
from backend.learning.learned import Amount, Learned, OneOf, SetOf
from backend.learning.tasks import Tasks
from backend.learning.vectorize.wording import as_text, without_markup
from backend.loop.insights.opinions import name_of
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.insight import HeadTask
from backend.store.models import Published

SHOWN = 20
MOST_CHARACTERS = 300
# A model that leads by more than this is not asked because it is unsure.
CLEAR = 0.5
WORDS = {"text": as_text, "html": without_markup, "paragraphs": as_text}

AUDIT = "drawn at random, to measure how good the model is"
TYPICAL = "typical of the tasks, and unlike those before it"
NEW_REGION = "unlike the tasks labeled so far"
AGAIN = "second opinion: the label that it has may be wrong"
UNREADABLE = "cannot be read, so it comes last"


def head_of(
    situation: Situation, lesson: Lesson, published: Published, again: Mapping[int, str]
) -> list[HeadTask]:
    """Return the queue's first tasks with what they show, what is guessed, and why they were chosen.

    Parameters
    ----------
    again : why each of the labeled tasks among them is to be labeled once more
    """
    # Other tasks of the head may be gone from the pool by now, labeled or deleted.
    ids = [task for task in published.head if task in situation.pool][:SHOWN]
    if not ids:
        return []
    tasks = situation.tasks(np.array(ids, dtype=np.int64))
    shown = shown_objects(situation.project["label_config"])
    second = set(published.second)
    reasons = _Reasons(situation, lesson, tasks, frozenset(published.audit))
    found = []
    for row, (task, data) in enumerate(zip(ids, tasks.data, strict=True)):
        text, kind = _shown(shown, data)
        why, guess, confidence = reasons.of(row)
        why = again.get(task, AGAIN) if task in second else why
        found.append(HeadTask(task, why, guess, confidence, text, kind))
    return found


class _Reasons:
    """Why each of some tasks was chosen."""

    def __init__(self, situation: Situation, lesson: Lesson, tasks: Tasks, audit: frozenset[int]):
        self._tasks, self._audit = tasks, audit
        self._version = situation.options.predictions if situation.foreign is not None else None
        self._controls = {c.name: c for c in situation.controls}
        self._guesses: dict[str, list[Guess]] = {n: m.guess(tasks) for n, m in lesson.learned.items()}
        self._doubts = {
            name: list(_doubts(model, tasks, self._controls[name])) for name, model in lesson.learned.items()
        }

    def of(self, row: int) -> tuple[str, str | None, float | None]:
        """Return why a task was chosen, what is guessed, and how sure that is."""
        name = self._least_sure(row)
        guess, confidence = self._guess(name, row)
        if not self._tasks.features.readable[row]:
            return UNREADABLE, None, None
        if int(self._tasks.ids[row]) in self._audit:
            return AUDIT, guess, confidence
        if self._version is not None:
            return f"the predictions of {self._version} are in doubt here", guess, confidence
        if name is None:
            return TYPICAL, None, None
        of = f"{name}: " if len(self._doubts) > 1 else ""
        return of + self._doubts[name][row], guess, confidence

    def _least_sure(self, row: int) -> str | None:
        return min(self._guesses, key=lambda n: self._guesses[n][row].confidence, default=None)

    def _guess(self, name: str | None, row: int) -> tuple[str | None, float | None]:
        if name is None:
            return None, None
        guess = self._guesses[name][row]
        return name_of(self._controls[name], guess.answer)[:MOST_CHARACTERS], round(guess.confidence, 4)


def _doubts(model: Learned, tasks: Tasks, control: Control) -> Iterator[str]:
    """Yield in words what makes a model ask for each task."""
    if isinstance(model, OneOf):
        names = [name_of(control, answer) for answer in model.answers]
        yield from (_between(row, names) for row in model.probabilities(tasks))
    elif isinstance(model, SetOf):
        names = [name_of(control, frozenset((label,))) for label in model.labels]
        yield from (_whether(row, names) for row in model.probabilities(tasks))
    elif isinstance(model, Amount):
        yield from ["far from all labeled tasks, in what it holds or in the number expected"] * len(tasks)
    else:
        yield from (f"the model's guess is right with {g.confidence:.0%} only" for g in model.guess(tasks))


def _between(row: np.ndarray, names: Sequence[str]) -> str:
    first, second = np.argsort(-row, kind="stable")[:2]
    if row[first] - row[second] > CLEAR:
        return NEW_REGION
    return f"unsure between {names[first]} ({row[first]:.0%}) and {names[second]} ({row[second]:.0%})"


def _whether(row: np.ndarray, names: Sequence[str]) -> str:
    nearest = int(np.abs(row - 0.5).argmin())
    if abs(row[nearest] - 0.5) > CLEAR / 2:
        return NEW_REGION
    return f"unsure whether {names[nearest]} ({row[nearest]:.0%})"


def _shown(shown: Sequence[ObjectTag], data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the beginning of what a task shows first, or its file's address, and of what kind it is."""
    for tag in shown:
        value = tag.value.resolve(data)
        if isinstance(value, list) and tag.is_list and value:
            value = value[0]
        words = WORDS.get(tag.kind, as_text)(value)
        if words:
            kind = "text" if tag.kind in WORDS and not tag.by_address else tag.kind
            # A file that stands in the data itself is no address, and too long to show.
            return ("" if words.startswith("data:") else words[:MOST_CHARACTERS]), kind
    return "", "text"
