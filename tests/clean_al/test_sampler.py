"""The sampler as an estimator: weights, exploration, updates, wrong input."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.svm import SVC

from clean_al import IntelligentSampler
from clean_al.validation import resolve_weights

X, Y = make_blobs(200, n_features=3, centers=3, cluster_std=3.0, random_state=0)


@pytest.mark.parametrize("method", ["margin", "entropy", "least_confident"])
def test_the_item_between_two_classes_comes_first(method):
    sampler = IntelligentSampler("uncertainty", uncertainty_method=method, random_state=0)
    sampler.fit([[0.0], [4.0]], ["low", "high"])
    assert sampler.select(np.array([[1.0], [2.1], [3.5]]), 3).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ((None, None, 0.0), (0.5, 0.5, 0.0)),
        ((None, 0.2, 0.3), (0.5, 0.2, 0.3)),
        ((0.6, 0.4, 0.0), (0.6, 0.4, 0.0)),
        ((None, None, 1.0), (0.0, 0.0, 1.0)),
    ],
)
def test_missing_weights_are_what_is_left(given, want):
    w = resolve_weights(*given)
    assert (w.uncertainty, w.diversity, w.exploration) == pytest.approx(want)


@pytest.mark.parametrize("given", [(0.6, 0.6, 0.0), (0.3, 0.3, 0.0), (0.9, None, 0.2), (-0.1, None, 0.0)])
def test_weights_that_do_not_add_up_are_refused_by_name(given):
    with pytest.raises(ValueError, match="_weight"):
        resolve_weights(*given)


def test_without_diversity_the_hybrid_is_plain_uncertainty_sampling():
    hybrid = IntelligentSampler("hybrid", uncertainty_weight=1.0, random_state=0).fit(X[:30], Y[:30])
    plain = IntelligentSampler("uncertainty", random_state=0).fit(X[:30], Y[:30])
    np.testing.assert_array_equal(hybrid.select(X[30:], 12), plain.select(X[30:], 12))


def test_the_share_of_exploration_is_drawn_and_marked():
    sampler = IntelligentSampler(exploration_weight=0.3, random_state=0).fit(X[:30], Y[:30])
    sampler.select(X[30:], 20)
    assert sampler.uniform_.sum() == 6


def test_full_exploration_is_uniform_over_the_pool():
    counts = np.zeros(20)
    pool = np.arange(20.0)[:, None] * 10
    for seed in range(400):
        counts[IntelligentSampler(exploration_weight=1.0, random_state=seed).select(pool, 5)] += 1
    assert np.abs(counts - 100).max() < 40  # expected 100 each, standard deviation 8.7


def test_update_is_the_same_as_fitting_on_both():
    once = IntelligentSampler(random_state=0).fit(X[:60], Y[:60])
    twice = IntelligentSampler(random_state=0).fit(X[:30], Y[:30]).update(X[30:60], Y[30:60])
    np.testing.assert_allclose(once.model_.coef_, twice.model_.coef_)
    np.testing.assert_array_equal(once.select(X[60:], 9), twice.select(X[60:], 9))


def test_update_before_fit_is_a_fit():
    assert IntelligentSampler(random_state=0).update(X[:30], Y[:30]).n_features_in_ == 3


def test_update_brings_new_classes():
    sampler = IntelligentSampler(random_state=0).fit(X[:4], ["a", "b", "a", "b"])
    assert sampler.update(X[4:6], ["c", "a"]).classes_.tolist() == ["a", "b", "c"]


def test_fit_forgets_and_keeps_no_hold_on_the_callers_arrays():
    mine = X[:30].copy()
    sampler = IntelligentSampler(random_state=0).fit(mine, Y[:30])
    before = sampler.select(X[30:], 5)
    mine[:] = 0
    np.testing.assert_array_equal(sampler.select(X[30:], 5), before)
    assert len(sampler.fit(X[:7], Y[:7]).labeled_.y) == 7


def test_batches_in_clusters_visit_every_cluster():
    blobs = np.vstack([np.random.default_rng(i).normal(10 * i, 0.5, size=(40, 2)) for i in range(5)])
    sampler = IntelligentSampler("uncertainty", random_state=0).fit([[0.0, 0.0], [40.0, 40.0]], [0, 1])
    rows = sampler.select(blobs, 5, batch_mode="clustered", n_clusters=5)
    assert sorted(r // 40 for r in rows) == [0, 1, 2, 3, 4]


def test_diverse_batches_keep_their_distance():
    sampler = IntelligentSampler("uncertainty", random_state=0).fit(X[:30], Y[:30])
    pool = X[30:]
    d = np.linalg.norm(pool[:, None] - pool[None], axis=2)
    rows = sampler.select(pool, 5, batch_mode="diverse", batch_diversity_threshold=0.5)
    typical = np.median(d[np.triu_indices(len(pool), 1)])
    assert d[np.ix_(rows, rows)][np.triu_indices(5, 1)].min() >= 0.5 * typical


def test_cold_start_takes_the_middle_of_every_cluster():
    blobs = np.vstack([np.random.default_rng(i).normal(20 * i, 1.0, size=(50, 2)) for i in range(4)])
    rows = IntelligentSampler(random_state=0).select(blobs, 4)
    assert sorted(r // 50 for r in rows) == [0, 1, 2, 3]
    centers = blobs.reshape(4, 50, 2).mean(axis=1)
    assert np.linalg.norm(blobs[rows] - centers[rows // 50], axis=1).max() < 1.0


def test_metrics_compare_with_the_best_and_with_the_pool():
    sampler = IntelligentSampler("uncertainty", duplicate_threshold=0.0, random_state=0).fit(X[:30], Y[:30])
    sampler.select(X[30:], 10)
    metrics = sampler.get_metrics()
    assert metrics.efficiency == pytest.approx(1.0)
    assert 0 < metrics.diversity < 2
    assert (metrics.n_labeled, metrics.n_selected) == (30, 10)


def test_metrics_before_a_batch_are_not_made_up():
    metrics = IntelligentSampler().get_metrics()
    assert np.isnan(metrics.efficiency)
    assert metrics.label_savings is None


class Mute:
    """Looks like a classifier, cannot rank."""

    def fit(self, X, y):
        return self

    def get_params(self, deep=True):
        return {}


class NAType:
    """What a missing label is in a column of pandas, by its name."""


def raises(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"strategy": "best"}, ValueError, "strategy='best'.*auto.*hybrid"),
        ({"uncertainty_method": "gini"}, ValueError, "uncertainty_method.*entropy.*least_confident.*margin"),
        ({"diversity_method": 3}, ValueError, "diversity_method"),
        ({"uncertainty_weight": 0.9, "diversity_weight": 0.9}, ValueError, "add up to 1"),
        ({"exploration_weight": "much"}, TypeError, "exploration_weight"),
        ({"exploration_weight": float("nan")}, ValueError, "exploration_weight"),
        ({"duplicate_threshold": 2}, ValueError, "duplicate_threshold"),
        ({"estimator": "perceptron"}, ValueError, "estimator.*logistic_regression"),
        ({"estimator": Mute()}, TypeError, "predict_proba"),
        ({"estimator": Mute}, TypeError, "not a class"),
        ({"estimator": 5}, TypeError, "estimator"),
        ({"estimator": SVC(decision_function_shape="ovo")}, TypeError, 'decision_function_shape="ovr"'),
    ],
)
def test_wrong_options_are_named_at_fit_and_at_select(options, error, words):
    raises(error, words, lambda: IntelligentSampler(**options).fit(X[:30], Y[:30]))
    raises(error, words, lambda: IntelligentSampler(**options).select(X, 3))


BROKEN = X[:5].copy()
BROKEN[2, 1] = np.nan
INFINITE = X[:5].astype(np.float32)
INFINITE[0, 0] = np.inf


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s.select(BROKEN, 2), ValueError, "X contains NaN"),
        (lambda s: s.select(INFINITE, 2), ValueError, "X contains infinity"),
        (lambda s: s.select(X[:, 0], 2), ValueError, "2D"),
        (lambda s: s.select(X[:, :2], 2), ValueError, "X has 2 features"),
        (lambda s: s.select(X[:0], 1), ValueError, "X is empty"),
        (lambda s: s.select(X, 0), ValueError, "n_samples must be between 1 and 200"),
        (lambda s: s.select(X, 201), ValueError, "n_samples must be between 1 and 200"),
        (lambda s: s.select(X, 2.5), TypeError, "n_samples must be an integer"),
        (
            lambda s: s.select(X, 5, batch_mode="wild"),
            ValueError,
            "batch_mode.*clustered, diverse, sequential",
        ),
        (lambda s: s.select(X, 5, batch_mode="clustered", n_clusters=0), ValueError, "n_clusters"),
        (
            lambda s: s.select(X, 5, batch_mode="diverse", batch_diversity_threshold=-1),
            ValueError,
            "batch_diversity_threshold",
        ),
        (
            lambda s: s.select(X, 5, costs=["a"] * 200),
            ValueError,
            "costs must hold numbers, one per row of X",
        ),
        (lambda s: s.select(X, 5, costs=[[1], [1, 2]]), ValueError, "costs must hold numbers"),
        (lambda s: s.label_savings(95), ValueError, "target must be between 0 and 1"),
        (lambda s: s.label_savings(1.5), ValueError, "target must be between 0 and 1"),
        (lambda s: s.label_savings(0.9, confidence=90), ValueError, "confidence must be between"),
        (lambda s: s.estimate_accuracy(confidence=90), ValueError, "confidence must be between"),
        (lambda s: s.select(X, 5, embedding=X), ValueError, "embedding was given to only one"),
        (lambda s: s.fit(X, Y[:-1]), ValueError, "y has 199 labels for 200"),
        (lambda s: s.fit(X[:2], [None, "a"]), ValueError, "missing labels"),
        (lambda s: s.fit(X[:2], [np.nan, 1.0]), ValueError, "missing labels"),
        (lambda s: s.fit(X[:2], np.array([NAType(), "a"], object)), ValueError, "missing labels"),
        (lambda s: s.fit(X[:2], np.array([1, "a"], object)), ValueError, "y mixes labels .*int, str"),
        (lambda s: s.fit(X[:2], [[2, 1], [1, 0]]), ValueError, "one label per row"),
        (lambda s: s.fit(X[:0], []), ValueError, "X is empty"),
        (lambda s: s.update(X[:, :1], Y), ValueError, "X has 1 features"),
        (lambda s: s.update(X[:2], ["a", "b"]), ValueError, "use one kind"),
        (lambda s: s.fit(X, Y, embedding=X[:3]), ValueError, "embedding has 3 rows for 200"),
        (lambda s: s.fit(X, Y, embedding=sparse.csr_matrix(X)), TypeError, "must be dense"),
    ],
)
def test_wrong_input_is_refused_by_name(call, error, words):
    sampler = IntelligentSampler(random_state=0).fit(X[:30], Y[:30])
    raises(error, words, lambda: call(sampler))


def test_exploration_draws_all_items_alike_copies_too():
    # 60 of 100 items are one: over 400 seeds, 60 % of the draws are such copies (one standard error: 1.1 %).
    pool = np.vstack([np.zeros((60, 2)), np.random.default_rng(0).normal(5, 1, (40, 2))])
    rows = [
        IntelligentSampler(exploration_weight=1.0, random_state=seed).select(pool, 5) for seed in range(400)
    ]
    assert np.mean(np.concatenate(rows) < 60) == pytest.approx(0.6, abs=0.04)


def test_text_in_place_of_features_is_refused_after_a_selection_too():
    sampler = IntelligentSampler(exploration_weight=0.5, random_state=0).fit(X[:30], Y[:30])
    sampler.select(X[30:60], 4)
    with pytest.raises(ValueError, match="X must hold numbers"):
        sampler.update([["a"] * X.shape[1]] * 4, Y[:4])
