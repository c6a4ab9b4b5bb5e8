"""Doubt from outside, in place of the classifier's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clean_al import ExpectedModelChange, IntelligentSampler, LabelingSession, QueryByCommittee
from clean_al.strategies.hybrid import HYBRID

from .by_hand import line, pool_of

POOL = line(0, 1, 2, 3, 4)


@pytest.mark.parametrize("labels", [[], ["low"], ["low", "high"]])
def test_the_highest_doubt_comes_first_with_and_without_a_model(labels):
    sampler = IntelligentSampler("uncertainty", random_state=0)
    if labels:
        sampler.fit(line(-9, 9)[: len(labels)], labels)
    assert sampler.select(POOL, 5, doubt=[0.2, 0.9, 0.1, 0.5, 0.7]).tolist() == [1, 4, 3, 0, 2]


def test_a_probability_of_error_is_a_weight_and_any_other_scale_counts_by_its_order():
    assert_allclose(pool_of(POOL, doubt=[0.0, 0.9, 0.1, 0.5, 1.0]).uncertainty, [0.0, 0.9, 0.1, 0.5, 1.0])
    # Minus log probabilities: ranks 1, 5, 2, and the two equal ones share 3.5, each of five.
    assert_allclose(pool_of(POOL, doubt=[-2.0, 40.0, 0.1, 3.0, 3.0]).uncertainty, [0.2, 1.0, 0.4, 0.7, 0.7])


def test_the_hybrid_preselects_and_weighs_by_doubt():
    # 2 * 10^.38 = 4.8: of 400 items the five of highest doubt; weighted means as for the model's own, .92 and
    # 9.45: the items at 1 and at 9.
    X = line(0, 1, 2, 9, 10, *range(50, 450))
    doubt = [0.9, 0.8, 0.7, 0.6, 0.5, *[0.1] * 400]
    pool = pool_of(X, doubt=doubt, weights=(1 / 1.38, 0.38 / 1.38))
    assert HYBRID.choose(pool, 2).tolist() == [1, 3]


def test_auto_is_the_hybrid_as_soon_as_there_is_a_doubt():
    pool, doubt = np.random.default_rng(0).normal(size=(80, 2)), np.linspace(0, 1, 80)
    auto = IntelligentSampler(random_state=0).select(pool, 4, doubt=doubt)
    hybrid = IntelligentSampler("hybrid", random_state=0).select(pool, 4, doubt=doubt)
    np.testing.assert_array_equal(auto, hybrid)
    assert auto.min() >= 64  # ten times the batch is 40, but a fifth of 80 is 16


@pytest.mark.parametrize("sampler", [QueryByCommittee(random_state=0), ExpectedModelChange(random_state=0)])
def test_samplers_that_look_into_the_classifier_give_way_to_the_doubt(sampler):
    assert sampler.select(POOL, 3, doubt=[5, 1, 4, 2, 3]).tolist() == [0, 2, 4]


def test_costs_divide_the_doubt():
    # .8 / 4 = .2, .6 / 1, .2 / .5 = .4
    rows = IntelligentSampler("uncertainty", random_state=0).select(
        POOL[:3], 3, doubt=[0.8, 0.6, 0.2], costs=[4, 1, 0.5]
    )
    assert rows.tolist() == [1, 2, 0]


def test_the_share_of_exploration_owes_nothing_to_the_doubt():
    pool = np.arange(40.0)[:, None] * 10
    doubt = np.arange(40) < 4
    counts = np.zeros(40)
    for seed in range(400):
        sampler = IntelligentSampler("uncertainty", random_state=seed, exploration_weight=0.5)
        rows = sampler.select(pool, 4, doubt=doubt)
        counts[rows[sampler.uniform_]] += 1
        assert sampler.uniform_.sum() == 2
    assert np.abs(counts - 20).max() < 20  # expected 20 each, standard deviation 4.4


def test_the_efficiency_of_a_batch_is_measured_in_doubt():
    sampler = IntelligentSampler("uncertainty", duplicate_threshold=0.0, random_state=0)
    sampler.select(POOL, 2, doubt=[0.2, 0.9, 0.1, 0.5, 0.7])
    assert sampler.get_metrics().efficiency == pytest.approx(1.0)


def test_a_session_takes_the_doubt_of_the_whole_pool_and_hands_on_that_of_the_rest():
    session = LabelingSession(IntelligentSampler("uncertainty", random_state=0), POOL, audit_fraction=0.0)
    doubt = [0.2, 0.9, 0.1, 0.5, 0.7]
    assert session.get_next_batch(2, doubt=doubt).tolist() == [1, 4]
    session.submit_labels([1, 4], ["a", "b"])
    assert session.get_next_batch(2, doubt=doubt).tolist() == [3, 0]
    with pytest.raises(ValueError, match=r"doubt must have one number per row of the pool, shape \(5,\)"):
        session.get_next_batch(2, doubt=doubt[:3])


@pytest.mark.parametrize(
    ("doubt", "words"),
    [
        ([0.1, 0.2], r"doubt must have one number per row of X, shape \(5,\), not \(2,\)"),
        (np.zeros((5, 2)), "doubt must have one number per row"),
        (0.5, "doubt must have one number per row"),
        ([0.1, np.nan, 0.2, np.inf, 0.3], r"doubt must be finite, rows \[1, 3\]"),
        (["a", "b", "c", "d", "e"], "doubt must hold numbers"),
        ([0.1, None, 0.2, 0.3, 0.4], r"doubt must be finite, rows \[1\]"),
    ],
)
def test_a_wrong_doubt_is_refused_by_name(doubt, words):
    with pytest.raises(ValueError, match=words):
        IntelligentSampler(random_state=0).select(POOL, 2, doubt=doubt)


def test_the_callers_doubt_is_left_alone():
    doubt = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    doubt.flags.writeable = False
    IntelligentSampler(random_state=0).select(POOL, 2, doubt=doubt)
    assert doubt.tolist() == [5, 1, 4, 2, 3]
