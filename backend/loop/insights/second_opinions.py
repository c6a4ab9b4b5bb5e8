"""Which labels another annotator should look at: where that is worth more than the label of a new task.

A label that is given anew mends what was wrong before: the old label, or on a new task the model's guess. So
the chance that the label is wrong is held against the chance that the guess is, on the new task where that
is likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backend.label_studio.records import Annotation
from backend.learning.accuracy import Accuracy
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.insight import SecondOpinion, Suspect

MOST = 100
# New tasks that are looked at; the most doubtful of so many is about as doubtful as the most doubtful of all.
LOOKED_AT = 1000
ORDINALS = {1: "second", 2: "third", 3: "fourth"}


def opinions_given(annotations: Sequence[Annotation]) -> int:
    """Return how many have said something of a task, skips left out."""
    return sum(not a.was_cancelled for a in annotations)


def second_opinions(
    suspects: Sequence[Suspect],
    annotated: Sequence[tuple[int, Sequence[Annotation]]],
    limit: int,
    doubts: Mapping[str, float],
) -> list[SecondOpinion]:
    """Return the labeled tasks that are worth another opinion, the likeliest wrong first.

    Parameters
    ----------
    limit : how many opinions a task may get
    doubts : for each question, how likely the model's guess is wrong on the new task where it is likeliest
    """
    if limit < 2:
        return []
    given = {task: opinions_given(annotations) for task, annotations in annotated}
    found: dict[int, SecondOpinion] = {}
    for suspect in suspects:
        n = given.get(suspect.task, limit)
        if 0 < n < limit and suspect.score > doubts.get(suspect.question, 0.0):
            told = f"{ORDINALS.get(n, 'another')} opinion: {suspect.given} may be wrong, {suspect.reason}"
            found.setdefault(suspect.task, SecondOpinion(suspect.task, told))
    return list(found.values())[:MOST]


def doubts_of_new(
    situation: Situation, lesson: Lesson, accuracies: Mapping[str, Accuracy]
) -> dict[str, float]:
    """Return by question how likely the model's guess is wrong on the new task where that is likeliest."""
    new = situation.candidates
    if len(new) > LOOKED_AT:
        new = np.sort(np.random.default_rng(0).choice(new, LOOKED_AT, replace=False))
    tasks = situation.tasks(new)
    readable = tasks.features.readable
    found = {}
    for name, learned in lesson.learned.items():
        sure = [g.confidence for g, is_read in zip(learned.guess(tasks), readable, strict=True) if is_read]
        least = min(sure, default=1.0)
        right = accuracies.get(name, Accuracy()).calibrated(least)
        found[name] = 1 - (least if right is None else right)
    return found
