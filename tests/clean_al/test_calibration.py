"""The calibration of a model's confidence: the minimum of its loss, however far from calibrated it is."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from clean_al.calibration import fit_calibration, log_odds, mean_calibrated


def best(z: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    def loss(v: np.ndarray) -> float:
        margin = v[0] * z + v[1]
        fit = (weights * (np.logaddexp(0, margin) - correct * margin)).sum()
        return float(fit + 0.5 * ((v[0] - 1) ** 2 + v[1] ** 2))

    return np.asarray(minimize(loss, [1.0, 0.0], method="BFGS", options={"gtol": 1e-7}).x)


@pytest.mark.parametrize("seed", range(30))
def test_the_fit_is_the_minimum_of_its_loss_for_every_row_of_weights(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 200))
    z = rng.normal(2 * rng.normal(), 0.1 + 5 * rng.random(), n)
    correct = (rng.random(n) < rng.random()).astype(float)
    weights = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=3)])
    slope, intercept = fit_calibration(z, correct, weights)
    for i, row in enumerate(weights):
        np.testing.assert_allclose([slope[i], intercept[i]], best(z, correct, row), atol=1e-4)


def test_a_model_that_is_sure_and_mostly_wrong_is_calibrated_down():
    rng = np.random.default_rng(0)
    z = log_odds(rng.uniform(0.4, 0.999, 100))
    correct = (rng.random(100) < 0.45).astype(float)
    slope, intercept = fit_calibration(z, correct, np.ones((1, 100)))
    # Undamped steps ran away here, to slopes of 40 and more and an accuracy of 98 %.
    assert abs(slope[0]) < 1
    assert mean_calibrated(z, slope, intercept)[0] == pytest.approx(correct.mean(), abs=0.02)


def test_a_calibrated_model_stays_as_it_is():
    rng = np.random.default_rng(1)
    z = rng.normal(1, 2, 20_000)
    correct = (rng.random(20_000) < expit(z)).astype(float)
    slope, intercept = fit_calibration(z, correct, np.ones((1, len(z))))
    assert slope[0] == pytest.approx(1, abs=0.05)
    assert intercept[0] == pytest.approx(0, abs=0.05)
