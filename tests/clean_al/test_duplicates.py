"""Near-copies are kept out of batches, even where they are most of the pool."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_blobs

from clean_al import IntelligentSampler
from clean_al.duplicates import NearCopies
from clean_al.points import Points

X, Y = make_blobs(260, n_features=5, centers=4, cluster_std=2.0, random_state=3)
NOTHING = np.empty(0, np.intp)
FORMATS = [np.asarray, sparse.csr_matrix]


def guard(pool, threshold=0.05, labeled=None):
    sampler = IntelligentSampler("random", random_state=0)
    if labeled is not None:
        sampler.fit(labeled, np.arange(len(labeled)) % 2)
    sampler.select(pool, 1)
    return NearCopies(sampler.selection_.pool, threshold)


def test_distances_by_hand():
    pool = np.array([[0.0], [0.4], [10.0], [10.6], [20.0]])
    # Pairs: .4, 10, 10.6, 20, 9.6, 10.2, 19.6, .6, 10, 9.4: the median is 10, so copies are nearer than 0.5.
    copies = guard(pool)
    assert copies.radius_sq == pytest.approx(0.25)
    assert copies.distinct(np.array([1, 0, 2, 3, 4]), 5, NOTHING).tolist() == [1, 2, 3, 4]
    assert copies.distinct(np.array([1, 0, 2, 3, 4]), 2, np.array([0])).tolist() == [2, 3]
    assert copies.distinct(np.arange(5), 5, NOTHING, radius_sq=1.0).tolist() == [0, 2, 4]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([2, 7, 256]))
def test_a_walk_keeps_what_the_plain_rule_keeps(seed, n, chunk):
    rng = np.random.default_rng(seed)
    pool, ranked = rng.normal(size=(40, 2)), rng.permutation(40)
    copies = guard(pool, 0.3, labeled=rng.normal(size=(3, 2)))
    kept: list[int] = []
    near = [*copies.pool.seen.X]
    for row in ranked:
        if len(kept) < n and all(((pool[row] - other) ** 2).sum() > copies.radius_sq for other in near):
            kept.append(int(row))
            near.append(pool[row])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clean_al.duplicates.CHUNK", chunk)
        assert copies.distinct(ranked, n, NOTHING).tolist() == kept


@pytest.mark.parametrize("convert", FORMATS)
def test_a_chunk_of_nothing_but_copies_leaves_nothing_and_warns_of_nothing(convert):
    pool = convert(np.vstack([np.repeat(X[:1], 600, axis=0), X[40:240]]))
    copies = guard(pool, labeled=X[:40])
    assert copies.distinct(np.arange(600), 5, NOTHING).tolist() == []
    assert copies.distinct(np.arange(605), 3, NOTHING).tolist() == [600, 601, 602]
    assert copies._walk(NOTHING, np.array([700]), 3, copies.radius_sq).tolist() == [700]


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("convert", FORMATS)
def test_copies_are_known_when_they_are_most_of_the_pool(convert, dtype, offset):
    pool = (np.vstack([np.repeat(X[:1], 3000, axis=0), X[40:]]) + offset).astype(dtype)
    copies = guard(convert(pool))
    typical = Points(X[40:].astype(np.float64)).typical_sq(np.random.default_rng(0))
    assert copies.typical_sq == pytest.approx(typical, rel=0.2)
    assert (copies.distinct(np.arange(len(pool)), 50, NOTHING) < 3000).sum() == 1


def test_when_all_items_are_the_same_all_are_handed_out():
    rows = IntelligentSampler(random_state=0).select(np.full((30, 3), 7.0), 30)
    assert sorted(rows.tolist()) == list(range(30))


@pytest.mark.parametrize("copies", [300, 1000])
@pytest.mark.parametrize("strategy", ["uncertainty", "hybrid", "auto", "badge"])
def test_many_copies_of_the_best_item_leave_the_places_to_the_next_best(strategy, copies):
    plain = IntelligentSampler("uncertainty", random_state=0).fit(X[:40], Y[:40])
    best = 40 + plain.select(X[40:], 1)[0]
    pool = np.vstack([np.repeat(X[[best]], copies, axis=0), np.delete(X, best, axis=0)[40:]])
    sampler = IntelligentSampler(strategy, random_state=0).fit(X[:40], Y[:40])
    rows = sampler.select(pool, 20)
    doubt = sampler.selection_.pool.uncertainty
    assert (rows < copies).sum() == 1
    assert doubt[rows[rows >= copies]].mean() > 4 * doubt[copies:].mean()


@pytest.mark.parametrize("strategy", ["auto", "uncertainty", "coreset", "contrastive", "typiclust"])
def test_labels_and_pool_may_differ_in_format(strategy):
    sampler = IntelligentSampler(strategy, random_state=0)
    same = sampler.fit(X[:40], Y[:40]).select(X[40:], 5)
    for one, other in ((np.asarray, sparse.csr_matrix), (sparse.csr_matrix, np.asarray)):
        rows = sampler.fit(one(X[:40]), Y[:40]).select(other(X[40:]), 5)
        assert len(set(rows.tolist())) == 5
        if strategy in ("uncertainty", "coreset", "contrastive"):
            np.testing.assert_array_equal(rows, same)
