"""Small configs and tasks that give their answers away, for tests of controls and of what is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.learning.answers import Answer, Span
from backend.learning.controls import Control, learnable_controls
from backend.learning.inputs import Reader
from backend.learning.learned import How
from backend.learning.tasks import Tasks
from backend.learning.vectorize import InputSpec
from clean_al import IntelligentSampler


def on_text(control: str) -> str:
    return f'<View><Text name="t" value="$t"/>{control}</View>'


def on_image(control: str) -> str:
    return f'<View><Image name="i" value="$i"/>{control}</View>'


def one(config: str) -> Control:
    (control,) = learnable_controls(config)
    return control


def how(n: int, min_labels: int = 2) -> How:
    return How(lambda: IntelligentSampler(random_state=0), np.zeros(n, dtype=bool), min_labels, seed=0)


def with_numbers(data: Sequence[Mapping[str, Any]]) -> Tasks:
    """Return tasks that are read by the vector `v` in their data."""
    reader = Reader.fitted((InputSpec("numbers", ("v",)),), [data], seed=0)
    return Tasks.of(data, reader.transform([data]))


def planted(answers: Sequence[Answer], n: int) -> tuple[Tasks, list[Answer]]:
    """Return tasks whose numbers give their answers away."""
    rng = np.random.default_rng(3)
    which = np.arange(n) % len(answers)
    data = [{"v": [*(5.0 * (i == w) for i in range(len(answers))), rng.normal()]} for w in which]
    return with_numbers(data), [answers[w] for w in which]


def item(name: str, kind: str, value: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return an item of a result, on the object `t`."""
    return {"from_name": name, "to_name": "t", "type": kind, "value": dict(value), **more}


NAMES = ("Anna", "Bodo", "Zoë", "Mia", "Otto", "Ida")
PLACES = ("Rome", "Oslo", "Bonn", "Lyon")


def sentences(answers: Sequence[Answer], n: int) -> tuple[Tasks, list[Any]]:
    """Return texts of which each holds a name, a place, both or neither, and the spans of these."""
    rng = np.random.default_rng(7)
    data, given = [], []
    for i in range(n):
        name, place = NAMES[rng.integers(len(NAMES))], PLACES[rng.integers(len(PLACES))]
        text, spans = (
            ("we like it very much", ()),
            (f"{name} left early", (Span(0, len(name), "PER"),)),
            (f"they went to {place}", (Span(13, 13 + len(place), "LOC"),)),
            (
                f"{name} came from {place} .",
                (Span(0, len(name), "PER"), Span(len(name) + 11, len(name) + 11 + len(place), "LOC")),
            ),
        )[i % 4]
        data.append({"v": [1.0], "t": text})
        given.append(spans)
    return with_numbers(data), given


FILLERS = ("we saw it", "this is what they said", "at noon it came", "as ever", "once more then")


def pairs(answers: Sequence[Answer], n: int) -> tuple[Tasks, list[Any]]:
    """Return tasks with two texts, of which the one that is fine is preferred to the awful one."""
    rng = np.random.default_rng(5)
    data, given = [], []
    for _ in range(n):
        texts = [f"fine {FILLERS[rng.integers(5)]}", f"awful {FILLERS[rng.integers(5)]}"]
        side = int(rng.integers(2))
        data.append({"v": [1.0], "a": texts[side], "b": texts[1 - side]})
        given.append(("left", "right")[side])
    return with_numbers(data), given


GRADES = ("great", "fine", "poor", "awful")


def rankings(answers: Sequence[Answer], n: int) -> tuple[Tasks, list[Any]]:
    """Return tasks with lists whose items are ranked by a word in their texts."""
    rng = np.random.default_rng(6)
    data, given = [], []
    for i in range(n):
        # Every second task gives its items other ids, so that these do not tell the order.
        ids = ("p", "q", "r", "s") if i % 2 else ("s", "r", "q", "p")
        items = [
            {"id": ids[k], "title": FILLERS[rng.integers(5)], "body": GRADES[k]} for k in rng.permutation(4)
        ]
        data.append({"v": [1.0], "l": items})
        given.append((("", ids),))
    return with_numbers(data), given


def offers(answers: Sequence[Answer], n: int) -> tuple[Tasks, list[Any]]:
    """Return tasks of which each offers the right choice and some of the others."""
    tasks, given = planted(answers, n)
    rng = np.random.default_rng(8)
    data = []
    for known, answer in zip(tasks.data, given, strict=True):
        wrong = [other for other in "abc" if frozenset(other) != answer and rng.random() < 0.7]
        data.append({**known, "o": [{"value": each} for each in sorted([*wrong, *answer])]})  # type: ignore[misc]
    return with_numbers(data), given
