"""What annotators say, and what a model guesses that they would say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

# "spam" | frozenset({"a", "b"}) | 4 | (Span(0, 4, "PER"), ...): only its control knows what it looks like.
Answer = Hashable


class Span(NamedTuple):
    """A labeled part of a text.

    Attributes
    ----------
    start, end : where it begins, and ends before; code points in plain and rich text, in a dialogue the
        number of the phrase and UTF-16 units within it, as Label Studio counts
    """

    start: Any
    end: Any
    label: str


@dataclass(frozen=True)
class Guess:
    """What a model says of one task.

    Attributes
    ----------
    answer : what it would answer
    confidence : how likely the whole answer is right, from 0 to 1
    parts : the pieces of the answer, each with its own confidence; empty where it has none
    """

    answer: Answer
    confidence: float
    parts: tuple[tuple[Answer, float], ...] = ()


def majority(answers: Sequence[Answer]) -> Answer:
    """Return the answer that most annotators gave, of several such the one given last; oldest come first."""
    counts = Counter(answers)
    most = max(counts.values())
    return next(answer for answer in reversed(answers) if counts[answer] == most)


def targets_of(answers: Sequence[Answer]) -> np.ndarray | None:
    """Return answers as numbers, shape (n_answers, n_targets): one column, or 0 and 1 for each label.

    None for answers of another shape, such as spans.
    """
    if not answers:
        return None
    if all(isinstance(answer, int | float) for answer in answers):
        return np.array(answers, dtype=np.float64)[:, None]
    sets = [answer if isinstance(answer, frozenset) else frozenset([answer]) for answer in answers]
    if not all(isinstance(label, str) for labels in sets for label in labels):
        return None
    known = sorted(frozenset().union(*sets))
    return np.array([[label in labels for label in known] for labels in sets], dtype=np.float64)
