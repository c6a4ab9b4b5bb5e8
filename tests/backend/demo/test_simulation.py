"""The loop without Label Studio: it must be the loop, and its figures must be right."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.demo.simulation import (
    BUDGET,
    Comparison,
    LabeledPool,
    accuracy_at,
    compare,
    curve_of,
    labels_to_reach,
    loop_rounds,
    next_stop,
    random_order,
    random_rounds,
    simulation_settings,
    split,
)
from backend.label_studio.client import LabelStudio
from backend.learning.answers import Guess
from backend.learning.vectorize import State
from backend.loop.learn import learn
from backend.loop.options import ProjectOptions
from backend.loop.round import choose
from backend.loop.situation import look
from backend.loop.stages import Stages
from backend.services import Services
from backend.store.models import Model
from tests.backend.demo.data import topics
from tests.fakes.label_studio import FakeLabelStudio

TOPICS = topics()


@pytest.fixture(scope="module")
def pool() -> LabeledPool:
    return LabeledPool(TOPICS, split(TOPICS, 0), 0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_every_item_is_either_a_task_or_held_out(seed: int) -> None:
    parts = split(TOPICS, seed)
    assert sorted([*parts.pool, *parts.held_out]) == list(range(len(TOPICS)))
    assert len(parts.pool) == 213


def test_another_seed_is_another_split_and_another_random_order() -> None:
    assert split(TOPICS, 0).pool.tolist() != split(TOPICS, 1).pool.tolist()
    assert sorted(random_order(50, 3)) == list(range(50))
    assert random_order(50, 3).tolist() != random_order(50, 4).tolist()


@pytest.mark.parametrize(
    ("labels", "batch_size", "stop"),
    [(0, 20, 20), (120, 20, 140), (140, 20, 150), (150, 20, 170), (100, 50, 150), (149, 1, 150)],
)
def test_rounds_follow_full_batches_and_stop_once_at_the_budget(
    labels: int, batch_size: int, stop: int
) -> None:
    assert next_stop(labels, batch_size) == stop


def test_the_loop_labels_each_task_once_and_measures_after_every_batch(pool: LabeledPool) -> None:
    rounds = list(loop_rounds(pool))
    assert [len(rows) for rows, _ in rounds] == [*range(0, 141, 20), 150, 170, 190, 210, 213]
    everything = rounds[-1][0]
    assert sorted(everything) == list(range(len(pool)))
    assert rounds[-1][1] == pool.full_data_accuracy()


def test_the_random_twin_takes_the_tasks_in_its_order(pool: LabeledPool) -> None:
    rounds = list(islice(random_rounds(pool), 3))
    order = random_order(len(pool), 0)
    assert [rows.tolist() for rows, _ in rounds] == [[], order[:20].tolist(), order[:40].tolist()]


def test_accuracy_is_the_share_of_held_out_items_that_are_right(pool: LabeledPool) -> None:
    _, model, _ = pool.fit(np.arange(len(pool)))
    assert model is not None
    held = [{TOPICS.field: text} for text in pool.held_values]
    guesses = model.guesses_of(model.tasks(held, lambda _: b""))["label"]
    right = [guess.answer == truth for guess, truth in zip(guesses, pool.held_truth, strict=True)]
    assert pool.accuracy(model) == pytest.approx(sum(right) / len(right))
    assert pool.accuracy(None) == pytest.approx((pool.held_truth == "boats").mean())


def test_the_head_is_the_one_that_a_real_round_would_serve(tmp_path: Path) -> None:
    parts = split(TOPICS, 0, 60)
    pool = LabeledPool(TOPICS, parts, 0)
    labeled = np.array([3, 8, 20, 21, 40, 59])
    with FakeLabelStudio() as fake:
        owner = LabelStudio(fake.url, fake.token)
        project = owner.create_project(title="Topics", label_config=TOPICS.label_config)["id"]
        ids = np.array(owner.import_tasks(project, [{"text": TOPICS.values[i]} for i in parts.pool]))
        for row in labeled:
            owner.annotate(int(ids[row]), pool.control.result_for(Guess(str(pool.truth[row]), 1.0)))
        real = simulation_settings(0).model_copy(
            update={
                "label_studio_url": fake.url,
                "label_studio_api_key": type(pool.settings.label_studio_api_key)(fake.token),
                "model_dir": tmp_path,
            }
        )
        services = Services(real)
        situation = look(services, project, Stages())
        lesson, model = learn(situation, services.settings, "v")
        head = choose(lesson, situation, 0)
    simulated_lesson, simulated_model, simulated = pool.fit(labeled)
    simulated_head = choose(simulated_lesson, simulated, 0)
    assert model is not None
    assert simulated_model is not None
    for (values, arrays), (others, other_arrays) in zip(states(model), states(simulated_model), strict=True):
        assert values == others
        assert all(np.allclose(array, other_arrays[name]) for name, array in arrays.items())
    assert (situation.candidates[head.rows] == ids[simulated.candidates[simulated_head.rows] - 1]).all()
    assert (head.audit == simulated_head.audit).all()


def states(model: Model) -> list[State]:
    return [learned.state() for learned in model.questions.values()]


def test_nothing_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEAN_AL_ESTIMATOR", "somebody:else")
    monkeypatch.setenv("CLEAN_AL_SEED", "77")
    found = simulation_settings(3)
    assert (found.estimator, found.seed, found.debounce) == (None, 3, 2.0)


@pytest.mark.parametrize(
    ("accuracy", "labels"),
    [(0.5, 20.0), (0.25, 10.0), (0.6, 30.0), (0.9, 70.0), (1.0, 80.0), (0.7, 40.0)],
)
def test_labels_to_reach_are_read_off_straight_lines(accuracy: float, labels: float) -> None:
    # The dip at 60 comes after 0.7 was reached at 40.
    curve = [(20, 0.5), (40, 0.7), (60, 0.8), (80, 1.0)]
    assert labels_to_reach(curve, accuracy) == pytest.approx(labels)


def test_an_accuracy_that_is_never_reached_has_no_number_of_labels() -> None:
    assert labels_to_reach([(20, 0.5), (40, 0.7)], 0.71) is None


def test_accuracy_between_two_points_lies_on_the_line() -> None:
    assert accuracy_at([(20, 0.5), (40, 0.7)], 25) == pytest.approx(0.55)


def test_a_curve_goes_on_past_the_budget_until_the_target_or_the_end() -> None:
    def rounds(reached: float) -> list[tuple[np.ndarray, float]]:
        return [(np.arange(n), reached if n >= 190 else 0.5) for n in (0, 100, 150, 170, 190, 210)]

    assert [n for n, _ in curve_of(rounds(0.9), 0.8, 500)] == [100, 150, 170, 190]
    assert [n for n, _ in curve_of(rounds(0.9), 0.8, 170)] == [100, 150, 170]
    assert [n for n, _ in curve_of(rounds(0.9), 0.4, 500)] == [100, 150]


def test_the_saving_is_the_ratio_of_the_labels_to_95_percent() -> None:
    found = Comparison("d", 0, full=0.8, loop=[(20, 0.6), (40, 0.76)], random=[(20, 0.6), (100, 0.76)])
    assert found.target == pytest.approx(0.76)
    assert found.saving == pytest.approx(0.4)
    assert Comparison("d", 0, 0.9, found.loop, found.random).saving is None


def test_a_seed_gives_one_comparison_that_survives_json() -> None:
    first = compare(TOPICS, 5, most=BUDGET, options=ProjectOptions(batch_size=50))
    again = compare(TOPICS, 5, most=BUDGET, options=ProjectOptions(batch_size=50))
    assert first == again
    stored = {"dataset": "topics", "seed": 5, "full": first.full}
    listed = {"loop": [list(p) for p in first.loop], "random": [list(p) for p in first.random]}
    assert Comparison.from_json(stored | listed) == first
