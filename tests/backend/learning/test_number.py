from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from backend.learning.answers import Guess
from backend.learning.controls import Number
from backend.learning.learned import LEARNED, Amount
from backend.learning.learned.amount import _ridge
from tests.backend.learning.lessons import how, item, on_text, one, with_numbers


def number(attributes: str = "") -> Number:
    control = one(on_text(f'<Number name="c" toName="t" {attributes}/>'))
    assert isinstance(control, Number)
    return control


def given_as(value: Any) -> list[dict[str, Any]]:
    return [item("c", "number", {"number": value})]


def shown(control: Number, value: float) -> float:
    (found,) = control.result_for(Guess(value, 0.5))
    return found["value"]["number"]


@pytest.mark.parametrize("value", [None, True, "5", [5], float("nan"), float("inf"), 10**400])
def test_what_is_no_number_is_no_answer(value: Any) -> None:
    assert number().answer_of(given_as(value)) is None


def test_numbers_are_read_and_those_past_the_bounds_have_left_the_config() -> None:
    control = number('min="0" max="10"')
    assert control.answer_of(given_as(7)) == 7.0
    assert control.in_config(10.0)
    assert not control.in_config(10.5)
    assert not control.in_config(-1.0)


@pytest.mark.parametrize("attributes", ['min="many" max=""', 'min="5" max="1"', 'min="inf" max="nan"'])
def test_broken_bounds_do_not_count(attributes: str) -> None:
    assert number(attributes).in_config(-1e9)


def test_several_annotators_make_the_median() -> None:
    assert number().settle([9.0, 1.0, 2.0]) == 2.0
    assert number().settle([9.0, 1.0]) == 1.0


@pytest.mark.parametrize(
    ("attributes", "guess", "value"),
    [
        ("", 3.25, 3.25),
        ('min="1" max="5"', 9.0, 5),
        ('min="1" max="5"', -2.0, 1),
        ('step="2"', 4.9, 4),
        ('min="1" step="2"', 4.1, 5),
        ('min="0" max="10" step="3"', 10.0, 9),
        ('step="0.1"', 0.3000001, 0.3),
        ('step="-1"', 0.25, 0.25),
    ],
)
def test_a_guess_is_one_that_the_editor_takes(attributes: str, guess: float, value: float) -> None:
    assert shown(number(attributes), guess) == value


@drawn(st.floats(-1e6, 1e6), st.integers(-50, 50), st.integers(0, 50), st.floats(0.01, 60))
def test_a_guess_never_leaves_the_bounds(guess: float, low: int, wide: int, step: float) -> None:
    assert low <= shown(number(f'min="{low}" max="{low + wide}" step="{step}"'), guess) <= low + wide


def test_many_different_numbers_are_counted_by_quarters() -> None:
    assert number().counts([1.0, 2.5, 1.0]) == {"1": 2, "2.5": 1}
    assert number().counts([float(i) for i in range(41)]) == {
        "0 to 10": 10,
        "10 to 20": 10,
        "20 to 30": 10,
        "30 to 40": 11,
    }


class TestAmount:
    def learned(self) -> Amount:
        """Twice the one feature, plus one; labeled from 0 to 9."""
        data = [{"v": [float(i)]} for i in range(10)]
        found = number().learn(with_numbers(data), [2.0 * i + 1 for i in range(10)], how(10))
        assert isinstance(found, Amount)
        return found

    def test_a_line_is_found_and_rounded_as_the_answers_are(self) -> None:
        learned = self.learned()
        tasks = with_numbers([{"v": [float(i)]} for i in range(10)])
        assert [g.answer for g in learned.guess(tasks)] == [2.0 * i + 1 for i in range(10)]
        assert learned.guess(tasks)[0].confidence == 1.0

    def test_a_far_task_is_in_more_doubt_than_one_between_labeled_ones(self) -> None:
        data = [{"v": [float(i)]} for i in range(10)]
        tasks = with_numbers(data)
        learned = number().learn(tasks.rows(np.arange(6)), [2.0 * i + 1 for i in range(6)], how(6))
        assert isinstance(learned, Amount)
        doubt = learned.doubt(tasks)
        assert doubt[:6] == pytest.approx(np.zeros(6), abs=1e-6)
        assert (np.diff(doubt[5:]) > 0).all()

    def test_the_doubt_is_the_least_product_of_both_distances(self) -> None:
        learned = Amount(np.array([1.0]), 0.0, np.array([[0.0], [4.0]]), np.array([0.0, 1.0]), 0, 1.0)
        tasks = with_numbers([{"v": [-1.0]}, {"v": [1.0]}])
        assert tasks.features.X.ravel().tolist() == [-1.0, 1.0]
        assert learned.doubt(tasks) == pytest.approx([1 * 1, 0 * 3])

    def test_noise_gives_no_confidence(self) -> None:
        rng = np.random.default_rng(4)
        data = [{"v": rng.normal(size=3).tolist()} for _ in range(60)]
        learned = number().learn(with_numbers(data), rng.normal(size=60).tolist(), how(60))
        assert isinstance(learned, Amount)
        assert learned.guess(with_numbers(data[:1]))[0].confidence < 0.4

    def test_what_does_not_fit_is_refused(self) -> None:
        values, arrays = self.learned().state()
        with pytest.raises(ValueError, match="numbers"):
            LEARNED["amount"].from_state((values, {**arrays, "values": arrays["values"][:3]}), {})


def test_the_regression_is_ridge_and_its_errors_are_those_of_held_out_rows() -> None:
    rng = np.random.default_rng(2)
    X, noise = rng.normal(size=(12, 4)), rng.normal(size=12)
    y = X @ np.array([1.0, 0, -2, 0.5]) + noise
    weights, intercept, errors = _ridge(X, y)
    scale = np.square(X - X.mean(0)).sum() / 12
    fits = {a: Ridge(alpha=a).fit(X, y) for a in 10.0 ** np.arange(-3, 4) * scale}
    alpha = min(fits, key=lambda a: float(np.abs(fits[a].coef_ - weights).max()))
    assert fits[alpha].coef_ == pytest.approx(weights)
    assert fits[alpha].intercept_ == pytest.approx(intercept)
    left = np.arange(12) != 3
    held_out = Ridge(alpha=alpha).fit(X[left], y[left]).predict(X[3:4])
    assert errors[3] == pytest.approx(float(y[3] - held_out[0]))
