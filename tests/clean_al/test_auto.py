"""The default: its two stages, the guard over them, costs, and what it must bear."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from clean_al import STRATEGIES, IntelligentSampler
from clean_al.labeled import Labeled
from clean_al.strategies.coverage import greedy_cover
from clean_al.strategies.harm_guard import random_share

from .by_hand import line, pool_of

AUTO, HERDING = STRATEGIES["auto"], STRATEGIES["uncertainty_herding"]


def pool_with(X, y, n_pool=200, seed=0):
    """A pool of n_pool items, and these labels."""
    rng = np.random.default_rng(seed)
    pool = pool_of(
        rng.normal(size=(n_pool, X.shape[1])), uncertainty=rng.random(n_pool), model="any", seed=seed
    )
    pool.labeled = Labeled(X, np.asarray(y), None, np.ones(len(y), bool))
    pool.seen = pool.labeled.points
    return pool


def pairs(alike):
    """50 pairs of neighbors far from each other; of the first so many pairs both have one label."""
    X = np.repeat(np.arange(50.0) * 10, 2)[:, None] + np.tile([0.0, 1.0], 50)[:, None]
    first = np.arange(50) % 2
    return X * [1, 0, 0, 0], np.column_stack(
        [first, np.where(np.arange(50) < alike, first, 1 - first)]
    ).ravel()


def test_where_labels_follow_the_features_nothing_is_left_to_chance():
    # All 100 agree with their neighbor, 49 of 99 would by chance: ten standard errors above.
    X, y = pairs(50)
    assert random_share(pool_with(X, y)) == 0.0
    assert AUTO.choose(pool_with(X, y), 20).tolist() == HERDING.choose(pool_with(X, y), 20).tolist()


def test_where_labels_do_not_even_reach_chance_all_is_drawn():
    # 20 of 50 pairs agree, below 49 of 99.
    X, y = pairs(20)
    counts = np.zeros(200)
    for seed in range(300):
        pool = pool_with(X, y)
        pool.rng = np.random.default_rng(seed)
        rows = AUTO.choose(pool, 20)
        assert len(set(rows.tolist())) == 20
        counts[rows] += 1
    # Each is in a tenth of the batches: 30 of 300, with a standard deviation of 5.2.
    assert np.abs(counts - 30).max() < 26


def test_in_between_the_first_of_the_chosen_stay():
    # 27 pairs: .54 - .4949 = .0451, a standard error of .05: .90 above, so a share of (2 - .90) / 2 = .55: 11
    # of 20 are drawn and the first 9 of herding stay, in their order.
    X, y = pairs(27)
    chosen = HERDING.choose(pool_with(X, y), 20).tolist()
    rows = AUTO.choose(pool_with(X, y), 20).tolist()
    assert [row for row in rows if row in chosen[:9]] == chosen[:9]
    assert len(set(rows)) == 20


def test_what_a_pick_adds_is_divided_by_its_cost():
    # Sums 1.2, 1.1, .9 at costs 3, 1, 1: .4, 1.1, .9. After the second, the first adds .7 (.23 per cost), the
    # third .6.
    similarity = np.array([[1.0, 0.2, 0.0], [0.3, 0.8, 0.0], [0.1, 0.2, 0.6]])
    assert greedy_cover(similarity, np.zeros(3), 3).tolist() == [0, 1, 2]
    assert greedy_cover(similarity, np.zeros(3), 3, np.array([3.0, 1.0, 1.0])).tolist() == [1, 2, 0]


def test_cheap_items_come_first_where_all_else_is_equal():
    X = np.eye(6)
    rows = IntelligentSampler(random_state=0).select(X, 6, doubt=np.full(6, 0.5), costs=[3, 1, 6, 2, 5, 4])
    assert rows.tolist() == [1, 3, 0, 5, 4, 2]


@pytest.mark.parametrize("n_pool", [1, 2, 3, 7])
@pytest.mark.parametrize("labels", [0, 1, 2, 60])
def test_the_smallest_pools_are_handed_out_whole(n_pool, labels):
    rng = np.random.default_rng(0)
    sampler = IntelligentSampler(random_state=0)
    if labels:
        sampler.fit(rng.normal(size=(labels, 3)), np.arange(labels) % 2)
    rows = sampler.select(rng.normal(size=(n_pool, 3)), n_pool)
    assert sorted(rows.tolist()) == list(range(n_pool))


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_several_labels_per_item_are_covered_by_their_mean_uncertainty(convert):
    rng = np.random.default_rng(0)
    X, pool = rng.normal(size=(60, 5)), rng.normal(size=(90, 5))
    y = (X[:, :3] > 0).astype(int)
    auto, herding = (
        IntelligentSampler(name, random_state=0).fit(convert(X), y).select(convert(pool), 12).tolist()
        for name in ("auto", "uncertainty_herding")
    )
    assert auto == herding
    assert len(set(auto)) == 12


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(2, 50), st.booleans())
def test_a_batch_and_then_a_reserve_share_nothing_and_repeat_themselves(seed, n, labels, follow):
    rng = np.random.default_rng(seed)
    X, pool = rng.normal(size=(labels, 3)), rng.normal(size=(60, 3))
    y = (X[:, 0] > 0) if follow else rng.random(labels) < 0.5

    def head():
        sampler = IntelligentSampler(random_state=seed).fit(X, y)
        first = sampler.select(pool, n)
        left = np.setdiff1d(np.arange(60), first)
        return [*first.tolist(), *left[sampler.select(pool[left], 30)].tolist()]

    rows = head()
    assert len(set(rows)) == n + 30
    assert head() == rows


def test_the_weights_lead_from_plain_coverage_to_the_most_unsure():
    X = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [-1.0, 0.0]])
    unsure = [0.5, 0.5, 0.5, 0.9]
    plain = pool_of(X, uncertainty=unsure, model="any", weights=(0.0, 1.0))
    # One item of three in one direction covers more than the lone one, until doubt alone counts.
    assert AUTO.choose(plain, 1).tolist() == [1]
    sure = pool_of(X, uncertainty=unsure, model="any", weights=(1.0, 0.0))
    assert AUTO.choose(sure, 1).tolist() == [3]


def test_scores_are_those_of_the_stage():
    early, late = pool_of(line(0, 1, 5)), pool_of(line(1, 2, -5), uncertainty=[0.2, 0.9, 0.4], model="any")
    np.testing.assert_array_equal(AUTO.scores(early), STRATEGIES["typiclust"].scores(pool_of(line(0, 1, 5))))
    # Squared distances 1, 36, 49, half the median 18: similarities e^-.0556 = .9460, e^-2 = .1353 and
    # e^-2.7222 = .0657. Then .2 + .9 * .9460 + .4 * .1353 and so on.
    np.testing.assert_allclose(AUTO.scores(late), [1.1055, 1.1155, 0.4862], atol=2e-4)
