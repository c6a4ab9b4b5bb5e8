"""Uncertainty measures against numbers worked by hand."""

import numpy as np
import pytest

from clean_al.uncertainty import UNCERTAINTY_METHODS, entropy, least_confident, margin

P = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.4, 0.4, 0.2]])


def test_margin_is_one_minus_the_gap_of_the_two_best():
    np.testing.assert_allclose(margin(P), [0.8, 0.0, 1.0])


def test_least_confident_is_one_minus_the_best():
    np.testing.assert_allclose(least_confident(P), [0.5, 0.0, 0.6])


def test_entropy_is_in_nats_and_zero_when_sure():
    by_hand = 0.5 * np.log(2) + 0.3 * np.log(10 / 3) + 0.2 * np.log(5)
    np.testing.assert_allclose(entropy(P)[:2], [by_hand, 0.0])


def test_entropy_of_equal_probabilities_is_the_log_of_the_number_of_classes():
    assert entropy(np.full((1, 4), 0.25))[0] == pytest.approx(np.log(4))


@pytest.mark.parametrize("method", sorted(UNCERTAINTY_METHODS))
def test_two_classes_rank_the_same_by_every_method(method):
    p = np.array([0.9, 0.55, 0.3, 0.05])
    scores = UNCERTAINTY_METHODS[method](np.column_stack([p, 1 - p]))
    assert np.argsort(-scores).tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("method", sorted(UNCERTAINTY_METHODS))
def test_one_class_leaves_no_doubt(method):
    np.testing.assert_array_equal(UNCERTAINTY_METHODS[method](np.ones((3, 1))), 0)
