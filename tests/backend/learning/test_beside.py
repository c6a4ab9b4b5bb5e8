"""How long an encoder's columns are beside a reader's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.learning.answers import Answer, Span, targets_of
from backend.learning.beside import Beside, Encoded
from backend.learning.vectorize import Features

N = 60
LABELS = np.arange(N) % 3
TARGETS = np.eye(3)[LABELS]
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(N, 20)).astype(np.float32)
KNOWING = (0.6 * np.eye(3)[LABELS] + 0.5 * RNG.normal(size=(N, 3))).astype(np.float32)


def fitted(kind: str, today: np.ndarray, rows: np.ndarray, *told: Any) -> Beside:
    features = Features(today, today, np.ones(len(today), dtype=bool))
    return Beside.fitted(Encoded(kind, "one", (0,)), features, rows, told)


def lengths(beside: Beside, today: np.ndarray, rows: np.ndarray) -> list[float]:
    """Of the columns that are learned from, and of those in which distances are measured, against today's."""
    joined = beside.join(Features(today, today, np.ones(len(today), dtype=bool)), rows)
    own = np.sqrt((today**2).sum(axis=1).mean())
    ends = joined.X[:, today.shape[1] :], joined.embedding[:, today.shape[1] :]
    return [float(np.sqrt((end**2).sum(axis=1).mean()) / own) for end in ends]


@pytest.mark.parametrize(("kind", "length"), [("text", 1.34), ("image", 0.67)])
def test_without_labels_a_block_of_texts_is_longer_than_one_of_images(kind: str, length: float) -> None:
    assert lengths(fitted(kind, NOISE, KNOWING), NOISE, KNOWING) == pytest.approx([length] * 2, rel=1e-3)
    few = (np.arange(9), TARGETS[:9])
    assert lengths(fitted(kind, NOISE, KNOWING, few), NOISE, KNOWING) == pytest.approx([length] * 2, rel=1e-3)


def test_labels_make_a_block_long_that_knows_them_and_one_short_that_does_not() -> None:
    told = np.arange(N), TARGETS
    learned, near = lengths(fitted("image", NOISE, KNOWING, told), NOISE, KNOWING)
    assert learned == pytest.approx(near)
    assert learned > 0.9
    learned, near = lengths(fitted("text", KNOWING, NOISE, told), KNOWING, NOISE)
    assert learned == pytest.approx(near)
    assert learned < 1.0


def test_a_stored_reader_keeps_the_length_that_it_was_learned_with() -> None:
    beside = fitted("text", NOISE, KNOWING, (np.arange(N), TARGETS))
    described, arrays = beside.state("b")
    again = Beside.from_state(described, "b", arrays)
    assert lengths(again, NOISE, KNOWING) == lengths(beside, NOISE, KNOWING)


@pytest.mark.parametrize(
    ("answers", "targets"),
    [
        (["b", "a", "b"], [[0, 1], [1, 0], [0, 1]]),
        ([frozenset({"a", "c"}), frozenset()], [[1, 1], [0, 0]]),
        ([3, 0.5], [[3], [0.5]]),
    ],
)
def test_answers_are_told_as_numbers(answers: list[Answer], targets: list[list[float]]) -> None:
    found = targets_of(answers)
    assert found is not None
    assert found.tolist() == targets


@pytest.mark.parametrize("answers", [[], [(Span(0, 1, "PER"),)], [("a", "b")], [frozenset({1})]])
def test_other_answers_tell_nothing_of_it(answers: list[Answer]) -> None:
    assert targets_of(answers) is None
