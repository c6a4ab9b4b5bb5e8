"""What the labels saved: by hand, at the ends, and what is not claimed."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from clean_al import IntelligentSampler, LabelSavings
from clean_al.accuracy import AccuracyEstimate
from clean_al.labeled import Labeled
from clean_al.savings import HORIZON, LearningCurve, _likely_curve, label_savings

DIGITS, NUMBERS = load_digits(return_X_y=True)


def labeled(X, y, n_uniform):
    return Labeled(X, y, None, np.arange(len(y)) < n_uniform)


def digits(n=150, n_uniform=50):
    return labeled(DIGITS[:n] / 16, NUMBERS[:n], n_uniform)


def estimate(value, doubt):
    return AccuracyEstimate(value, doubt, 0.9, "calibrated + uniform residual", 40)


def easy():
    X = np.random.default_rng(0).normal(size=(120, 2)) + 20 * (np.arange(120)[:, None] % 2)
    return labeled(X, np.arange(120) % 2, 40)


MODEL = LogisticRegression(max_iter=200)


def test_a_curve_is_followed_to_its_target_by_hand():
    sizes = np.array([10, 20, 40, 80])
    accuracy = 0.925 - 2.0 * sizes**-0.75  # is 0.85 where 2 n^-0.75 = 0.075: n = (80 / 3)^(4 / 3) = 79.67
    drawn = [_likely_curve(sizes, accuracy, 0.85, 10**9, np.random.default_rng(s)) for s in range(5)]
    np.testing.assert_allclose([curve.labels_to(0.85) for curve in drawn], 79.67, atol=0.01)


def test_fewer_tested_items_leave_more_curves_possible():
    sizes = np.array([10, 20, 40, 80])
    accuracy = 0.925 - 2.0 * sizes**-0.75
    spread = [
        np.std(
            [
                np.log(_likely_curve(sizes, accuracy, 0.85, n, np.random.default_rng(s)).labels_to(0.85))
                for s in range(99)
            ]
        )
        for n in (10, 1000, 10**6)
    ]
    assert spread[0] > spread[1] > spread[2]


def test_the_figures_belong_together():
    savings = label_savings(MODEL, digits(), 0.85)
    assert savings.n_labeled == 150
    assert savings.target == 0.85
    assert savings.reached
    assert float(savings) == pytest.approx(1 - 150 / savings.n_random)
    assert savings.low < float(savings) < savings.high


def test_a_higher_target_saves_more():
    values = [float(label_savings(MODEL, digits(), target)) for target in (0.6, 0.8, 0.95)]
    assert values[0] < values[1] <= values[2]


def test_a_doubtful_target_widens_the_interval():
    sure, doubtful = (label_savings(MODEL, digits(), estimate(0.85, d)) for d in (0.0, 0.06))
    assert doubtful.low < sure.low
    assert doubtful.high - doubtful.low > sure.high - sure.low


def test_a_session_hands_the_doubt_of_its_estimate_on():
    from clean_al import LabelingSession

    session = LabelingSession(IntelligentSampler(random_state=0), DIGITS / 16, audit_fraction=0.3)
    for _ in range(4):
        rows = session.get_next_batch(30)
        session.submit_labels(rows, NUMBERS[rows])
    own, sampler = session.label_savings, session.sampler
    assert own.target == float(session.estimated_accuracy)
    assert vars(own) == vars(label_savings(sampler.model_, sampler.labeled_, session.estimated_accuracy))
    assert vars(own) != vars(label_savings(sampler.model_, sampler.labeled_, own.target))


def test_no_errors_at_all_are_not_reached_by_random():
    savings = label_savings(MODEL, digits(), 1.0)
    assert not savings.reached
    assert np.isinf(savings.n_random)
    assert savings == savings.low == savings.high == pytest.approx(1 - 1 / HORIZON)
    assert "not reached by random" in repr(savings)


def test_an_easy_target_needs_no_fewer_labels_than_were_tried():
    savings = label_savings(MODEL, easy(), 0.95)  # the first models of 5 random labels are there already
    assert savings.n_random == 5
    assert float(savings) == pytest.approx(1 - 120 / 5)


def test_random_labels_alone_save_exactly_nothing_whatever_the_target():
    assert label_savings(MODEL, digits(60, 60), float("nan")) == LabelSavings(0, 0, 0, 0.9, 60, 60)


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        (digits(150, 19), 0.8),
        (digits(150, 0), 0.8),
        (digits(), float("nan")),
        (labeled(easy().X, np.r_[np.zeros(40, int), np.arange(80) % 2], 40), 0.8),
        (labeled(easy().X, np.zeros(120, int), 40), 0.8),
        (labeled(easy().X, np.zeros((120, 3), int), 40), 0.8),
    ],
    ids=["19 random", "none random", "unknown target", "random ones of one class", "one class", "multilabel"],
)
def test_nothing_is_claimed_while_it_cannot_be_known(labels, target):
    assert label_savings(MODEL, labels, target) is None


def test_the_same_seed_gives_the_same_figures():
    one, two = (label_savings(MODEL, digits(), 0.85) for _ in range(2))
    assert vars(one) == vars(two)


def test_a_curve_by_hand():
    curve = LearningCurve(0.9, 2.0, 0.5)
    np.testing.assert_allclose(curve.at(np.array([1, 16, 100, 400])), [0, 0.4, 0.7, 0.8])
    assert curve.labels_to(0.8) == pytest.approx(400)
    assert curve.labels_to(0.9) == np.inf


def test_what_random_sampling_reached_goes_with_what_was_saved():
    savings = label_savings(MODEL, digits(), estimate(0.85, 0.02))
    middle, low, high = savings.random_accuracy([30, 60, 150]).T
    assert (np.diff(middle) > 0).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    # Labels were saved, so at as many labels random sampling is not yet where the model is.
    assert middle[-1] < 0.85 < savings.random_accuracy([1.3 * savings.n_random])[0, 0] + 0.02
    every = label_savings(MODEL, digits(n_uniform=150), 0.85)
    assert np.isnan(every.random_accuracy([10])).all()
