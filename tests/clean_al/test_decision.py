"""From which probability on a label is given: the rule by hand, and that all who decide go by it."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier

from clean_al.accuracy import pool_confidence
from clean_al.decision import THRESHOLDS, decided, sureness, threshold_for
from clean_al.held_out import held_out_predictions, held_out_probabilities
from clean_al.labeled import Labeled
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from clean_al.leave_one_out import left_out, most_rows
from clean_al.multilabel import PerLabelClassifier
from clean_al.neighborhoods import Neighborhoods

P = np.array([[0.45, 0.1], [0.3, 0.2], [0.05, 0.9]])


def test_a_label_is_given_from_the_threshold_on():
    assert decided(P, 0.3).tolist() == [[True, False], [True, False], [False, True]]
    assert decided(P).tolist() == [[False, False], [False, False], [False, True]]


def test_where_all_items_had_a_label_one_without_any_is_given_its_likeliest():
    assert decided(P, 0.5, at_least_one=True).tolist() == [[True, False], [True, False], [False, True]]
    assert decided(np.zeros((2, 0)), 0.5, at_least_one=True).shape == (2, 0)


def test_how_sure_a_set_is_counts_each_yes_and_each_no():
    # 0.45 * 0.9, 0.3 * 0.8 and 0.95 * 0.9.
    np.testing.assert_allclose(sureness(P, decided(P, 0.3)), [0.405, 0.24, 0.855])


def drawn_towards_half(threshold, n):
    """20 items stand for one half."""
    return (n * threshold + 20 * 0.5) / (n + 20)


def test_the_threshold_lies_where_labels_and_whole_sets_are_most_often_right():
    # Each of 100 items has the first label, given as 0.3; the second, never there, as 0.1. Any threshold from
    # 0.1 to 0.3 has everything right. Five neighbors on the grid of 0.025 count together: 0.25 is the highest
    # whose neighbors (to 0.3) are all right.
    p, y = np.tile([0.301, 0.1], (100, 1)), np.tile([1, 0], (100, 1))
    y[0] = 0
    assert threshold_for(p, y) == pytest.approx(drawn_towards_half(0.25, 100))


def test_where_one_half_is_as_good_as_any_it_stays():
    p, y = np.tile([0.9, 0.01], (10, 1)), np.tile([1, 0], (10, 1))
    assert threshold_for(p, y) == 0.5
    assert threshold_for(np.zeros((3, 2)), np.zeros((3, 2), int)) == 0.5


def test_a_threshold_is_never_above_one_half_however_often_likely_labels_are_wrong():
    p, y = np.tile([0.8, 0.6], (50, 1)), np.tile([1, 0], (50, 1))
    assert threshold_for(p, y) == 0.5


def test_few_items_move_it_little():
    p, y = np.tile([0.301, 0.1], (4, 1)), np.tile([1, 0], (4, 1))
    y[0] = 0
    assert threshold_for(p, y) == pytest.approx(drawn_towards_half(0.25, 4))
    assert threshold_for(p, y) > 0.45


def test_probabilities_below_all_thresholds_leave_a_sound_one():
    y = np.random.default_rng(0).integers(0, 2, (40, 3))
    assert THRESHOLDS[0] < threshold_for(np.full((40, 3), 1e-9), y) <= 0.5


def weak(n=150, n_features=12, seed=0):
    """Items whose labels follow them a little, the last but one on all of them and the last on none."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    y = (X[:, :3] + 1.5 * rng.normal(size=(n, 3)) > 1.0).astype(int)
    return X, np.column_stack([y, np.ones(n, int), np.zeros(n, int)])


@pytest.mark.parametrize("C", [1.0, 0.05])
def test_what_is_said_of_items_left_out_is_what_fits_without_them_say(C):
    X, y = weak(60, 6)
    estimator = SparseLogisticRegression(C=C, max_iter=1000, tol=1e-8)
    model = PerLabelClassifier(estimator, tuned=False).fit(X, y)
    found = left_out(estimator, X, estimator.prepared(X), model.models_, y)
    alone = np.zeros(y.shape)
    for i in range(60):
        rest = np.arange(60) != i
        alone[i] = PerLabelClassifier(estimator, tuned=False).fit(X[rest], y[rest]).predict_proba(X[[i]])
    assert found is not None
    np.testing.assert_allclose(found, alone, atol=0.02)


def test_of_more_features_than_items_it_is_the_same():
    X, y = weak(40, 90)
    estimator = SketchedLogisticRegression(5, C=0.05)
    # 40 items count 300 / 40 times each.
    assert estimator.strength(40) == pytest.approx(0.05 * 7.5)
    model = PerLabelClassifier(estimator, tuned=False).fit(X, y)
    found = left_out(estimator, X, estimator.prepared(X), model.models_, y)
    assert found is not None
    curve = (p := model.predict_proba(X)[:, 0]) * (1 - p)
    A = np.column_stack([X, np.ones(40)])
    H = (A * curve[:, None]).T @ A + np.diag([*np.full(90, 1 / (0.05 * 7.5)), 1e-9])
    reach = np.einsum("ij,ji->i", A, np.linalg.solve(H, A.T))
    z = np.log(p / (1 - p)) + reach / (1 - reach * curve) * (p - y[:, 0])
    np.testing.assert_allclose(found[:, 0], expit(z), atol=1e-5)


def test_of_rows_that_neighborhoods_have_turned_it_is_the_same():
    X, y = weak(60, 6)
    pool = np.random.default_rng(1).normal(size=(400, 6)) @ np.diag([3, 2, 1, 1, 1, 1])
    near = Neighborhoods.of(pool)
    assert near is not None
    estimator = SketchedLogisticRegression(0, C=0.05, max_iter=1000, neighborhoods=near)
    model = PerLabelClassifier(estimator, tuned=False).fit(X, y)
    found = left_out(estimator, X, estimator.prepared(X), model.models_, y)
    plain = SketchedLogisticRegression(0, C=0.05, max_iter=1000)
    turned = near.turned(X, 60)
    models = PerLabelClassifier(plain, tuned=False).fit(turned, y).models_
    assert found is not None
    np.testing.assert_allclose(found, left_out(plain, turned, plain.prepared(turned), models, y), atol=1e-4)


class Even(SparseLogisticRegression):
    """One of a caller's own, that says something else than its weights do."""

    def predict_proba(self, X):
        return np.full((X.shape[0], 2), 0.5)


def test_other_kinds_of_models_give_labels_from_one_half_on():
    X, y = weak()
    for estimator in (SparseLogisticRegression(class_weight="balanced"), RandomForestClassifier(5), Even()):
        model = PerLabelClassifier(estimator, tuned=True).fit(X, y)
        assert model.threshold_ == 0.5


def test_as_many_items_are_left_out_as_time_allows():
    assert most_rows(300, 40_000) == 300
    assert most_rows(5000, 40_000) == 400
    # 400^3 / 40^2.
    assert most_rows(100_000, 40) == 40_000


def test_prediction_held_out_answers_and_confidence_go_by_the_same_threshold():
    X, y = weak(120, 6, seed=2)
    model = PerLabelClassifier(SparseLogisticRegression(max_iter=500)).fit(X, y)
    assert 0.05 < model.threshold_ < 0.5
    p = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict(X), p >= model.threshold_)
    np.testing.assert_allclose(pool_confidence(model, X), sureness(p, p >= model.threshold_))
    labeled = Labeled(X, y, None, np.zeros(len(y), bool))
    held, found = held_out_probabilities(model, labeled), held_out_predictions(model, labeled, 0)
    assert held is not None
    assert found is not None
    np.testing.assert_allclose(found[0], sureness(held, held >= model.threshold_))
    np.testing.assert_array_equal(found[1], ((held >= model.threshold_) == y).all(axis=1))


def test_probabilities_stay_those_of_the_fit_whatever_the_threshold():
    X, y = weak()
    model = PerLabelClassifier(SparseLogisticRegression(max_iter=500)).fit(X, y)
    again = PerLabelClassifier(model.estimator, tuned=False).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
