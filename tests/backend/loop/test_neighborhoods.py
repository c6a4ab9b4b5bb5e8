"""What a round learns with knows how neighbors in the pool are alike, of texts."""

from __future__ import annotations

import numpy as np
import pytest

from backend.demo.simulation import LabeledPool, split
from backend.learning.inputs import InputSpec, Reader
from backend.learning.learner import make_estimator
from backend.learning.tasks import Tasks
from backend.loop.options import ProjectOptions
from clean_al.learners import SketchedLogisticRegression
from clean_al.neighborhoods import Neighborhoods
from tests.backend.demo.data import topics

TOPICS = topics()
ROWS = np.arange(24)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(32, 32, 3), dtype=np.uint8)


def read(**values: list[object]) -> Reader:
    inputs = tuple(InputSpec(kind, (kind,)) for kind in values)
    return Reader.fitted(inputs, list(values.values()), seed=0)


def test_the_model_of_a_round_is_fitted_with_the_neighborhoods_of_its_pool() -> None:
    pool = LabeledPool(TOPICS, split(TOPICS, 0), 0)
    lesson, model, situation = pool.fit(ROWS)
    learner = lesson.chooser().model_
    assert isinstance(learner, SketchedLogisticRegression)
    assert learner.neighborhoods is situation.neighborhoods
    assert model is not None
    X, answers = situation.pool.features.X[ROWS], pool.truth[ROWS]
    near = Neighborhoods.of(situation.pool.features.X)
    by_hand = make_estimator(
        name=None, trusted=None, seed=0, n_sketch=situation.pool.reader.n_sketch, near=near
    )
    by_hand.fit(X, answers)
    others = situation.tasks(situation.candidates)
    guesses = [guess.answer for guess in model.guesses_of(others)[pool.control.name]]
    np.testing.assert_array_equal(guesses, by_hand.predict(others.features.X))


def test_nothing_is_worked_out_before_there_are_answers() -> None:
    pool = LabeledPool(TOPICS, split(TOPICS, 0), 0)
    *_, situation = pool.fit(np.empty(0, dtype=np.int64))
    assert "neighborhoods" not in vars(situation)


def test_a_forest_learns_without_them() -> None:
    pool = LabeledPool(TOPICS, split(TOPICS, 0), 0, ProjectOptions(estimator="random_forest"))
    lesson, model, _ = pool.fit(ROWS)
    assert model is not None
    assert not hasattr(lesson.chooser().model_, "neighborhoods")


def test_what_was_learned_reads_tasks_that_come_later() -> None:
    parts = split(TOPICS, 0)
    pool = LabeledPool(TOPICS, parts, 0)
    _, model, _ = pool.fit(np.arange(60))
    assert model is not None
    later = Tasks.of([], pool.held_features(model.reader))
    assert len(model.guesses_of(later)[pool.control.name]) == len(parts.held_out)
    assert pool.accuracy(model) > 0.8


@pytest.mark.parametrize(
    ("reader", "agree"),
    [
        (read(text=["a cat", "a dog", "no pets"]), True),
        (read(numbers=[[1.0], [2.0], [3.0]]), False),
        (read(text=["a cat", "a dog", "no pets"], numbers=[[1.0], [2.0], [3.0]]), False),
        (read(image=[picture(1), picture(2), picture(3)]), False),
        (Reader((), (), ()), False),
    ],
    ids=["texts", "numbers", "texts and numbers", "pictures", "nothing"],
)
def test_neighbors_are_asked_of_texts_alone(reader: Reader, agree: bool) -> None:
    assert reader.neighbors_agree is agree
