"""What every strategy promises, whatever it is called."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_blobs

from clean_al import STRATEGIES, IntelligentSampler
from clean_al.batches import BATCH_MODES

MODES = [None, *BATCH_MODES]
NAMES = sorted(STRATEGIES)


@pytest.fixture(scope="module")
def data():
    X, y = make_blobs(260, n_features=5, centers=4, cluster_std=2.0, random_state=3)
    return X[:40], y[:40], X[40:]


def sampler(name, **options):
    return IntelligentSampler(name, random_state=7, **options)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_distinct_and_in_range(name, mode, data):
    X, y, pool = data
    rows = sampler(name).fit(X, y).select(pool, 30, batch_mode=mode)
    assert rows.dtype.kind == "i"
    assert rows.shape == (30,)
    assert len(set(rows.tolist())) == 30
    assert rows.min() >= 0
    assert rows.max() < len(pool)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_rows(name, mode, data):
    X, y, pool = data
    one = sampler(name, exploration_weight=0.2).fit(X, y).select(pool, 15, batch_mode=mode)
    two = sampler(name, exploration_weight=0.2).fit(X, y).select(pool, 15, batch_mode=mode)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", NAMES)
def test_asking_twice_gives_the_same_rows(name, data):
    X, y, pool = data
    fitted = sampler(name).fit(X, y)
    np.testing.assert_array_equal(fitted.select(pool, 15), fitted.select(pool, 15))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_the_callers_arrays_are_left_alone(name, mode, data):
    X, y, pool = (a.copy() for a in data)
    for array in (X, y, pool):
        array.flags.writeable = False
    sampler(name).fit(X, y).select(pool, 10, batch_mode=mode, embedding=None)
    np.testing.assert_array_equal(pool, data[2])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_before_any_label_there_is_a_choice(name, mode, data):
    rows = sampler(name).select(data[2], 12, batch_mode=mode)
    assert len(set(rows.tolist())) == 12


@pytest.mark.parametrize("name", NAMES)
def test_one_class_is_a_choice_too(name, data):
    X, _, pool = data
    rows = sampler(name).fit(X[:5], ["only"] * 5).select(pool, 12)
    assert len(set(rows.tolist())) == 12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_pool_can_be_asked_for(name, mode, data):
    X, y, pool = data
    rows = sampler(name, exploration_weight=0.1).fit(X, y).select(pool, len(pool), batch_mode=mode)
    assert sorted(rows.tolist()) == list(range(len(pool)))


@pytest.mark.parametrize("fit", [True, False])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_a_doubt_from_outside_needs_no_model_and_is_obeyed_where_a_model_is_asked(name, mode, fit, data):
    X, y, pool = data
    choosing = sampler(name).fit(X, y) if fit else sampler(name)
    doubt = pool[:, 0] - pool[:, 0].min()
    rows = choosing.select(pool, 6, batch_mode=mode, doubt=doubt)
    assert len(set(rows.tolist())) == 6
    if STRATEGIES[name].needs_model or name == "auto":
        assert doubt[rows].mean() > doubt.mean()
    again = sampler(name).fit(X, y) if fit else sampler(name)
    np.testing.assert_array_equal(again.select(pool, 6, batch_mode=mode, doubt=3 * doubt + 7), rows)


@pytest.mark.parametrize("name", NAMES)
def test_sparse_and_float32_pools_are_answered(name, data):
    X, y, pool = data
    for convert in (sparse.csr_matrix, lambda a: a.astype(np.float32)):
        rows = sampler(name).fit(convert(X), y).select(convert(pool), 10)
        assert len(set(rows.tolist())) == 10


@pytest.mark.parametrize("name", NAMES)
def test_distances_may_come_from_an_embedding(name, data):
    X, y, pool = data
    fitted = sampler(name).fit(sparse.csr_matrix(X), y, embedding=X[:, :2])
    rows = fitted.select(sparse.csr_matrix(pool), 10, embedding=pool[:, :2])
    assert len(set(rows.tolist())) == 10


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [n for n in NAMES if n != "random"])
def test_of_twenty_copies_one_is_asked_for(name, mode, data):
    X, y, pool = data
    fitted = sampler(name).fit(X, y)
    copied = fitted.select(pool, 1, batch_mode=mode)[0]
    crowd = np.vstack([pool, np.repeat(pool[[copied]], 19, axis=0)])
    copies = {int(copied), *range(len(pool), len(crowd))}
    rows = fitted.select(crowd, 20, batch_mode=mode)
    assert len(copies & set(rows.tolist())) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_labeled_counts_as_seen(name, data):
    X, y, pool = data
    rows = sampler(name).fit(X, y).select(np.vstack([X, pool]), 30)
    assert rows.min() >= len(X)


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_of_copies_is_still_handed_out(name, data):
    X, y, pool = data
    rows = sampler(name).fit(X, y).select(np.repeat(pool[:3], 5, axis=0), 10)
    assert len(set(rows.tolist())) == 10
    assert len({r // 5 for r in rows[:3].tolist()}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_without_probabilities_will_do(name, data):
    X, y, pool = data
    rows = sampler(name, estimator="linear_svm").fit(X, y).select(pool, 10)
    assert len(set(rows.tolist())) == 10


@pytest.mark.parametrize("name", NAMES)
def test_a_clone_has_the_same_parameters_and_no_memory(name, data):
    X, y, _ = data
    original = sampler(name, exploration_weight=0.25).fit(X, y)
    copy = clone(original)
    assert copy.get_params() == original.get_params()
    assert not hasattr(copy, "model_")


def test_the_callers_estimator_is_never_fitted(data):
    from sklearn.linear_model import LogisticRegression

    X, y, _ = data
    mine = LogisticRegression()
    sampler("hybrid", estimator=mine).fit(X, y)
    assert not hasattr(mine, "coef_")
