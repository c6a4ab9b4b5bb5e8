"""Distances kept between calls are those of a fresh start."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from clean_al import IntelligentSampler, nearness
from clean_al.row_keys import row_keys

RNG = np.random.default_rng(0)
POOL = RNG.normal(size=(60, 5))
LABELED = RNG.normal(size=(9, 5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_keys_follow_the_row_wherever_it_stands(dtype, width):
    X = RNG.normal(size=(50, width)).astype(dtype)
    order = RNG.permutation(50)
    np.testing.assert_array_equal(row_keys(X[order]), row_keys(X)[order])
    np.testing.assert_array_equal(row_keys(np.asfortranarray(X)), row_keys(X))
    assert len(set(row_keys(X).tolist())) == 50


@given(st.integers(0, 49), st.integers(0, 4))
def test_a_change_of_one_number_changes_the_key_of_its_row_alone(row, column):
    X = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    changed = X.copy()
    changed[row, column] = np.nextafter(changed[row, column], np.float32(9))
    assert np.flatnonzero(row_keys(X) != row_keys(changed)).tolist() == [row]


def test_sparse_keys_follow_the_row_too():
    X = sparse.random(40, 30, 0.2, format="csr", random_state=0)
    order = RNG.permutation(40)
    np.testing.assert_array_equal(row_keys(X[order]), row_keys(X)[order])
    assert row_keys(sparse.csr_matrix((3, 4))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_rows_of_round_numbers_have_keys_of_their_own(dtype, convert):
    rng = np.random.default_rng(0)
    pairs = np.eye(400)[rng.integers(400, size=(3000, 2))].sum(axis=1)
    for rows in (pairs, np.sign(rng.normal(size=(3000, 40))), rng.integers(0, 17, (3000, 9))):
        different = np.unique(rows, axis=0).astype(dtype)
        assert len(np.unique(row_keys(convert(different)))) == len(different)


@pytest.fixture
def kept(monkeypatch):
    """State is kept for small pools too; counts the rows whose distances are computed."""
    monkeypatch.setattr(nearness, "WORTH_KEEPING", 0)
    computed = []
    original = nearness.Points.nearest_sq

    def counting(self, others, rows=None):
        computed.append((len(self) if rows is None else len(rows)) * len(others))
        return original(self, others, rows)

    monkeypatch.setattr(nearness.Points, "nearest_sq", counting)
    return computed


def fresh(X, y, pool):
    return IntelligentSampler("coreset", random_state=0).fit(X, y).select(pool, 5)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_a_later_round_looks_at_the_new_labels_only(kept, convert):
    sampler = IntelligentSampler("coreset", random_state=0).fit(convert(LABELED[:6]), [0, 1] * 3)
    sampler.select(convert(POOL), 5)
    kept.clear()
    sampler.update(convert(LABELED[6:]), [0, 1, 0])
    rows = sampler.select(convert(POOL), 5)
    assert kept[0] == len(POOL) * 3
    np.testing.assert_array_equal(rows, fresh(convert(LABELED), [0, 1] * 4 + [0], convert(POOL)))


def test_a_smaller_pool_with_newcomers_is_known_again(kept):
    sampler = IntelligentSampler("coreset", random_state=0).fit(LABELED, np.arange(9) % 2)
    sampler.select(POOL, 5)
    kept.clear()
    other = np.vstack([RNG.normal(size=(4, 5)), POOL[40:10:-1]])
    rows = sampler.select(other, 5)
    assert kept[0] == 4 * len(LABELED)
    np.testing.assert_array_equal(rows, fresh(LABELED, np.arange(9) % 2, other))


def test_a_pool_changed_in_place_is_noticed(kept):
    pool = POOL.copy()
    sampler = IntelligentSampler("coreset", random_state=0).fit(LABELED, np.arange(9) % 2)
    sampler.select(pool, 5)
    pool[7] = 50.0
    assert sampler.select(pool, 5)[0] == 7


def test_forgetting_labels_starts_afresh(kept):
    sampler = IntelligentSampler("coreset", random_state=0).fit(LABELED, np.arange(9) % 2)
    sampler.select(POOL, 5)
    sampler.fit(LABELED[3:6], [0, 1, 0])
    np.testing.assert_array_equal(sampler.select(POOL, 5), fresh(LABELED[3:6], [0, 1, 0], POOL))


def test_binary_features_are_not_taken_for_one_another(kept):
    rng = np.random.default_rng(2)
    pool = np.unique(np.sign(rng.normal(size=(400, 12))), axis=0)
    labeled = pool[:6]
    sampler = IntelligentSampler("coreset", random_state=0).fit(labeled, np.arange(6) % 2)
    sampler.select(pool[6:], 5)
    nearest = nearness.nearest_seen(sampler._pool(pool[200:], None, sampler._options()))
    plain = ((pool[200:, None] - labeled[None]) ** 2).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, plain)
