"""Sets of labels: the threshold goes with the model, to what is stored, guessed and estimated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.learning.learned import SetOf
from backend.learning.tasks import Tasks
from clean_al.accuracy import pool_confidence
from tests.backend.learning.lessons import how, with_numbers

LABELS = "abc"


def weak(n: int, *, always: str = "") -> tuple[Tasks, list[frozenset[str]]]:
    """Return tasks whose numbers say a little of their labels, and their answers."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 6))
    given = X[:, :3] + 1.5 * rng.normal(size=(n, 3)) > 1.0
    answers = [frozenset({LABELS[j] for j in np.flatnonzero(row)} | set(always)) for row in given]
    return with_numbers([{"v": row.tolist()} for row in X]), answers


def learned(n: int, *, always: str = "") -> tuple[SetOf, Tasks]:
    tasks, answers = weak(n, always=always)
    model = SetOf.learned(tasks, answers, how(n))
    assert isinstance(model, SetOf)
    return model, tasks


def stored(model: SetOf, **changed: Any) -> SetOf:
    values, arrays = model.state()
    return SetOf.from_state((values | changed, arrays), model.estimators())


def test_a_guess_holds_the_labels_from_the_threshold_on() -> None:
    model, tasks = learned(120)
    threshold = model.classifier.threshold_
    assert 0.05 < threshold < 0.5
    for guess, row in zip(model.guess(tasks), model.probabilities(tasks), strict=True):
        assert guess.answer == {LABELS[j] for j in range(3) if row[j] >= threshold}
        assert guess.confidence == pytest.approx(np.where(row >= threshold, row, 1 - row).prod(), rel=1e-5)
        # What is shown of each label stays the probability, whatever the threshold.
        assert dict(guess.parts) == {LABELS[j]: row[j] for j in range(3) if row[j] >= threshold}


def test_the_threshold_is_stored_with_the_model() -> None:
    model, tasks = learned(120)
    again = stored(model)
    assert again.classifier.threshold_ == model.classifier.threshold_
    assert [g.answer for g in again.guess(tasks)] == [g.answer for g in model.guess(tasks)]


def test_a_model_stored_before_there_were_thresholds_guesses_from_one_half_on() -> None:
    model, tasks = learned(120)
    values, arrays = model.state()
    del values["threshold"]
    old = SetOf.from_state((values, arrays), {})
    rows = model.probabilities(tasks)
    assert [g.answer for g in old.guess(tasks)] == [
        {LABELS[j] for j in range(3) if row[j] >= 0.5} for row in rows
    ]


@pytest.mark.parametrize("threshold", [0, -1, 0.7, float("nan"), "much", None])
def test_a_threshold_that_none_can_be_is_refused(threshold: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        stored(learned(60)[0], threshold=threshold)


def test_how_sure_the_round_was_is_how_sure_the_estimate_is() -> None:
    model, tasks = learned(120)
    model.doubt(tasks)
    assert model.sure is not None
    np.testing.assert_allclose(model.sure[1], pool_confidence(model.classifier, tasks.features.X), rtol=1e-5)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_few_answers_move_the_threshold_little(n: int) -> None:
    tasks = with_numbers([{"v": [float(i), 1.0 - i]} for i in range(n)])
    answers = [frozenset("a"), frozenset("ab"), *[frozenset("b")] * (n - 2)]
    model = SetOf.learned(tasks, answers, how(n))
    assert isinstance(model, SetOf)
    assert 0.35 < model.classifier.threshold_ <= 0.5
    assert all(guess.answer for guess in model.guess(tasks))


def test_a_label_that_every_task_has_is_in_every_guess() -> None:
    model, tasks = learned(60, always="z")
    assert all("z" in guess.answer for guess in model.guess(tasks))
