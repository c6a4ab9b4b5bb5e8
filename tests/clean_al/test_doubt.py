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


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_auto_covers_the_doubt_as_soon_as_there_is_one(scale):
    # Directions 0, 60, 180 degrees, radius 1: similarities .3679, .0498, .0183. With doubts .9, .3, .05 sums
    # are 1.0113, .6336, .0814, then 60 degrees adds .1912 and 180 degrees .0491. By order alone they are 1,
    # 2/3, 1/3: 1.2514, 1.0512, .3849, then 2/3 * .6321 = .4214 (and .0105 of 180 degrees) to .3272.
    angle = np.radians([0, 60, 180])
    pool = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle, 0 * angle])
    doubt = scale * np.array([0.9, 0.3, 0.05])
    assert IntelligentSampler(random_state=0).select(pool, 3, doubt=doubt).tolist() == [0, 1, 2]
    assert IntelligentSampler(random_state=0).select(pool, 3, doubt=doubt[::-1]).tolist() == [2, 1, 0]


def test_what_nobody_doubts_comes_last():
    rng = np.random.default_rng(0)
    pool, doubt = rng.normal(size=(80, 3)), np.where(np.arange(80) < 6, 0.7, 0.0)
    rows = IntelligentSampler(random_state=0).select(pool, 80, doubt=doubt)
    assert doubt[rows[0]] > 0
    assert sorted(rows.tolist()) == list(range(80))


def test_labels_that_follow_nothing_do_not_overrule_a_doubt_from_outside():
    rng = np.random.default_rng(0)
    X, y, pool, doubt = rng.normal(size=(90, 3)), np.arange(90) % 2, rng.normal(size=(60, 3)), rng.random(60)
    asked = [IntelligentSampler(name, random_state=0).fit(X, y) for name in ("auto", "uncertainty_herding")]
    auto, herding = (sampler.select(pool, 10, doubt=doubt).tolist() for sampler in asked)
    assert auto == herding


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
