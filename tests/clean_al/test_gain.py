"""What another hundred labels would bring."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from clean_al import IntelligentSampler
from clean_al.gain import _ahead, _gains, expected_gain


class Says:
    """A model that says the same of every item."""

    classes_ = np.array(["a", "b", "c"])

    def __init__(self, *rows):
        self.rows = np.array(rows)

    def predict_proba(self, X):
        return self.rows[: len(X)]


def test_where_two_models_differ_the_gain_is_how_much_likelier_the_newer_answer_is_right():
    now = Says([0.7, 0.2, 0.1], [0.6, 0.4, 0.0])
    before = Says([0.1, 0.8, 0.1], [0.9, 0.1, 0.0])
    gains, changed = _gains(now, before, np.zeros((2, 1)), (1.0, 0.0))
    assert changed.tolist() == [True, False]
    assert gains == pytest.approx([0.5, 0.0])


def test_what_calibration_takes_from_the_first_answer_the_others_share():
    now, before = Says([0.8, 0.15, 0.05]), Says([0.0, 1.0, 0.0])
    # Intercept minus log 4 makes even odds of 0.8; the second then has 0.5 * 0.15 / 0.2.
    gains, _ = _gains(now, before, np.zeros((1, 1)), (1.0, -np.log(4.0)))
    assert gains == pytest.approx([0.5 - 0.375])


def test_the_next_labels_bring_less_the_more_there_are():
    # 100 labels: (0.1 - 0.0707) / (0.1414 - 0.1).
    assert _ahead(100, 100) == pytest.approx(0.7071, abs=1e-4)
    assert _ahead(400, 100) == pytest.approx((0.05 - 500**-0.5) / (200**-0.5 - 0.05))


def clouds(n, spread, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    return rng.normal(size=(n, 2)) * spread + np.array([[0, 0], [0, 9], [9, 0], [9, 9]])[y], y


def test_where_nothing_is_left_to_learn_nothing_is_gained():
    X, y = clouds(400, 0.5)
    sampler = IntelligentSampler(random_state=0).fit(X[:200], y[:200])
    found = expected_gain(sampler.model_, sampler.labeled_, X)
    assert (found.value, found.changed) == (0.0, 0.0)


def test_the_more_the_models_differ_the_more_is_in_doubt_however_many_items_are_looked_at():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 5))
    y = (X[:, 0] + 2 * rng.normal(size=1200) > 0).astype(int)
    sampler = IntelligentSampler(random_state=0).fit(X[:160], y[:160])
    few, many = (expected_gain(sampler.model_, sampler.labeled_, X[:n]) for n in (300, 1200))
    assert many.changed > 0.05
    assert many.error >= 0.05 * many.changed * _ahead(160, 100)
    assert few.error >= 0.05 * few.changed * _ahead(160, 100)


def test_where_the_newer_half_knows_a_class_that_the_older_one_did_not_much_was_gained():
    X, y = clouds(400, 0.5)
    known = np.concatenate([np.flatnonzero(y < 3)[:60], np.flatnonzero(y == 3)[:60]])
    sampler = IntelligentSampler(random_state=0).fit(X[known], y[known])
    found = expected_gain(sampler.model_, sampler.labeled_, X)
    assert found.value > 0.05
    # Backwards the older half is of one class, and there is no older model.
    assert expected_gain(sampler.model_, sampler.labeled_, X, order=np.arange(120)[::-1]) is None


def test_too_few_labels_or_an_older_half_of_one_class_say_nothing():
    X, y = clouds(39, 0.5)
    sampler = IntelligentSampler(estimator=LogisticRegression(), random_state=0).fit(X, y)
    assert expected_gain(sampler.model_, sampler.labeled_, X) is None
    X, y = clouds(60, 0.5)
    sampler.fit(X, (y == 0).astype(int))
    order = np.argsort(y == 0, kind="stable")
    assert expected_gain(sampler.model_, sampler.labeled_, X, order=order) is None


def test_the_number_of_labels_is_checked():
    X, y = clouds(60, 0.5)
    sampler = IntelligentSampler(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="labels"):
        expected_gain(sampler.model_, sampler.labeled_, X, labels=0)
