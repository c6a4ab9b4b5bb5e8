"""What guesses are worth, worked by hand; and that the intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from backend.learning.measures import exactly_right, f1_of_sets, mean_error

N = 30


def test_a_share_is_of_whole_answers_with_the_ends_of_clopper_and_pearson() -> None:
    found = exactly_right(["a", "b", "c", "d"], ["a", "b", "c", "x"])
    assert found.value == 0.75
    assert found.low == pytest.approx(float(stats.beta.ppf(0.05, 3, 2)))
    assert found.high == pytest.approx(float(stats.beta.ppf(0.95, 4, 1)))


def test_f1_is_twice_what_both_have_over_what_either_has() -> None:
    found = f1_of_sets([(1, 2), (3,), ()], [(1,), (3, 4), ()])
    assert found.value == pytest.approx(4 / 6)
    assert 0 <= found.low < found.value < found.high <= 1


def test_f1_of_all_right_leaves_room_for_the_next_task_and_of_none_says_nothing() -> None:
    right = f1_of_sets([(1,)] * N, [(1,)] * N)
    assert (right.value, right.high) == (1.0, 1.0)
    assert 0.85 < right.low < 0.97
    assert f1_of_sets([()] * N, [()] * N).low == 0.0


def test_an_error_is_a_mean_that_reaches_further_up_than_down() -> None:
    found = mean_error([1.0, 2.0, 4.0], [1.0, 3.0, 2.0])
    assert found.value == pytest.approx(1.0)
    assert 0 < found.low < 1 < found.high
    assert found.high - 1 > 1 - found.low
    none = mean_error([1.0, 2.0] * 15, [1.0, 2.0] * 15)
    assert (none.value, none.low) == (0.0, 0.0)
    assert 0 < none.high < 0.1


@pytest.mark.parametrize("right", [0.5, 0.8, 0.95])
def test_the_interval_of_f1_holds_the_truth_nine_times_in_ten(right: float) -> None:
    rng = np.random.default_rng(0)
    hit = 0
    for _ in range(1000):
        # Each part is found or missed, and one that is not there is invented as often as one is missed.
        sizes = rng.integers(0, 4, N)
        found = [rng.random(n) < right for n in sizes]
        guessed = [
            {i for i, is_found in enumerate(of) if is_found} | {99 + i for i in range(int((~of).sum()))}
            for of in found
        ]
        measured = f1_of_sets([tuple(range(n)) for n in sizes], [tuple(g) for g in guessed])
        hit += measured.low <= right <= measured.high
    assert hit >= 0.88 * 1000


@pytest.mark.parametrize("tail", ["exponential", "lognormal", "mostly none"])
def test_the_interval_of_an_error_holds_the_truth_nine_times_in_ten(tail: str) -> None:
    rng = np.random.default_rng(0)
    draw, truth = {
        "exponential": (lambda: rng.exponential(size=N), 1.0),
        "lognormal": (lambda: rng.lognormal(size=N), float(np.exp(0.5))),
        "mostly none": (lambda: (rng.random(N) < 0.3) * rng.exponential(size=N), 0.3),
    }[tail]
    hits = sum(f.low <= truth <= f.high for f in (mean_error(np.zeros(N), draw()) for _ in range(600)))
    assert hits >= 0.88 * 600
