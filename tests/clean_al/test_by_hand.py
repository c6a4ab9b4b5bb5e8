"""Every strategy on an example worked by hand; the arithmetic stands in the comments."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from clean_al import STRATEGIES, ExpectedModelChange, IntelligentSampler, suggest_relabels
from clean_al.committee import consensus_entropy, consensus_kl, jensen_shannon, vote_entropy
from clean_al.multilabel import over_labels
from clean_al.points import Points
from clean_al.strategies import typiclust
from clean_al.strategies.badge import BADGE, gradients_of
from clean_al.strategies.contrastive import CONTRASTIVE
from clean_al.strategies.determinantal import greedy_map
from clean_al.strategies.expected_model_change import EXPECTED_MODEL_CHANGE
from clean_al.strategies.facility_location import FACILITY_LOCATION
from clean_al.strategies.hybrid import HYBRID, n_candidates
from clean_al.strategies.kmeans import kmeans_picks
from clean_al.strategies.probcover import PROBCOVER, ball_sq
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.uncertainty import entropy, least_confident, margin

from .by_hand import Told, line, pool_of


def test_uncertainty():
    p = np.array([[0.5, 0.25, 0.25], [0.7, 0.2, 0.1]])
    assert_allclose(margin(p), [0.75, 0.5])  # 1 - (.5 - .25), 1 - (.7 - .2)
    assert_allclose(least_confident(p), [0.5, 0.3])
    # .5 ln 2 + .5 ln 4 = 1.5 * .693147; .7 * .356675 + .2 * 1.609438 + .1 * 2.302585
    assert_allclose(entropy(p), [1.0397208, 0.8018186], atol=1e-6)
    X = line(0, 1)
    assert STRATEGIES["uncertainty"].choose(pool_of(X, model=Told(X, p)), 2).tolist() == [0, 1]


def test_committee():
    # Three members, one item; they vote 0, 0, 1; their mean is (.6, .4).
    members = np.array([[[0.9, 0.1]], [[0.7, 0.3]], [[0.2, 0.8]]])
    assert_allclose(vote_entropy(members), [0.6365142], atol=1e-6)  # 2/3 ln(3/2) + 1/3 ln 3
    # .9 ln 1.5 + .1 ln .25 = .226289; .7 ln(7/6) + .3 ln .75 = .021601; .2 ln(1/3) + .8 ln 2 = .334795
    assert_allclose(consensus_kl(members), [0.1942285], atol=1e-6)
    # H(.6, .4) = .673012; the members' entropies are .325083, .610864, .500402: their mean is .478783
    assert_allclose(jensen_shannon(members), [0.1942285], atol=1e-6)
    assert_allclose(consensus_entropy(members), [0.6730117], atol=1e-6)


def test_expected_model_change():
    X = np.array([[3.0, 4.0], [0.0, 0.0]])
    model = Told(X, [[0.6, 0.4], [0.5, 0.5]])
    # |p - e_0| = .4 sqrt 2, |p - e_1| = .6 sqrt 2: .6 * .565685 + .4 * .848528 = .678823, times the length of
    # (3, 4, 1), sqrt 26; for the other one .5 sqrt 2 either way, times sqrt(0 + 1).
    assert_allclose(EXPECTED_MODEL_CHANGE.scores(pool_of(X, model=model)), [3.461329, 0.707107], atol=1e-5)
    least = pool_of(X, model=model, gradient_method="predicted")
    assert_allclose(
        EXPECTED_MODEL_CHANGE.scores(least), [2.884441, 0.707107], atol=1e-5
    )  # .565685 * 5.099020
    rms = pool_of(X, model=model, gradient_method="root_mean_square")
    assert_allclose(
        EXPECTED_MODEL_CHANGE.scores(rms), [3.532704, 0.707107], atol=1e-5
    )  # sqrt(.48) * 5.099020


def test_expected_model_change_of_a_fitted_model():
    emc = ExpectedModelChange(random_state=0).fit([[-1.0], [1.0]], [0, 1])
    # By symmetry p = (.5, .5) at 0, so the length is .5 sqrt 2 * sqrt(0 + 1).
    assert_allclose(emc.get_change_scores([[0.0]]), [0.707107], atol=1e-5)


def test_kmeans():
    points = Points(line(0, 1, 2, 10, 11, 12, 16))
    # Clusters 0..2 (mean 1) and 10..16 (mean 49/4 = 12.25, nearest 12); the larger one first.
    assert kmeans_picks(points, 2, np.random.default_rng(0)).tolist() == [5, 1]
    # Weighted: (2 * 9 + 1 + 0) / 11 = 1.73, nearest 2; the first cluster is the heavier one now.
    weights = np.array([1, 1, 9, 1, 1, 1, 1])
    assert kmeans_picks(points, 2, np.random.default_rng(0), weights).tolist() == [2, 5]


def test_coreset():
    # Labeled 0; distances 1, 4, 9: take 9; nearest then 1 and min(4, 5) = 4: take 4; then 1.
    pool = pool_of(line(1, 4, 9), seen=line(0))
    assert STRATEGIES["coreset"].choose(pool, 3).tolist() == [2, 1, 0]
    assert_allclose(STRATEGIES["coreset"].scores(pool), [1, 4, 9])


@pytest.mark.parametrize(("last", "want"), [(1.0, [1, 2, 0]), (0.8, [1, 0, 2])])
def test_determinantal(last, want):
    # Width 1 / ln 2: similarities of 0, 1, 3 are 2^-1 (0 and 1), 2^-4 (1 and 3), 2^-9 (0 and 3).
    # Qualities 1, 2, q: the middle one has 4 and is first. Then 1 - (1 * 2 / 2)^2 / 4 = .75 for the first,
    # and q^2 - (2 q / 16)^2 / 4 for the last: .9961 at q = 1, .6375 at q = .8.
    quality = np.array([1.0, 2.0, last])
    picks = greedy_map(Points(line(0, 1, 3)), 3, quality, 1 / np.log(2), np.random.default_rng(0))
    assert picks.tolist() == want


def test_facility_location():
    # Squared distances 1, 25, 16: the median is 16, a quarter of it 4. Similarities e^(-1/4) = .7788,
    # e^(-25/4) = .0019, e^-4 = .0183. Sums: 1.7807, 1.7971, 1.0202: the middle one first. Then the first one
    # adds 1 - .7788 = .2212, the last one 1 - .0183 = .9817.
    assert FACILITY_LOCATION.choose(pool_of(line(0, 1, 5)), 3).tolist() == [1, 2, 0]
    # With a label at 1 the same items are left in the same order.
    assert FACILITY_LOCATION.choose(pool_of(line(0, 1, 5), seen=line(1)), 2).tolist() == [2, 0]


GROUPS = line(0, 1, 2, 20, 21, 22, 23, 50, 51)


def test_probcover():
    # 36 pairs; the ten within groups have squared distances 1 (six), 4 (three) and 9. With four balls the
    # radius is at place 35 / 4 = 8.75 of them: between the last 4 and 9, 4 + .75 * 5 = 7.75.
    assert ball_sq(pool_of(GROUPS), 4) == pytest.approx(7.75)
    # 21 and 22 cover four items; each of 0, 1, 2 covers three; 50 and 51 cover two; then all is covered.
    picks = PROBCOVER.choose(pool_of(GROUPS), 4)
    assert {4, 5} >= {picks[0]}
    assert {0, 1, 2} >= {picks[1]}
    assert {7, 8} >= {picks[2]}
    assert len(picks) == 3


def test_probcover_counts_labeled_items_as_balls():
    # One label and three items to pick make four balls, of the same radius: the label covers 20 to 23.
    picks = PROBCOVER.choose(pool_of(GROUPS, seen=line(21.5)), 3)
    assert {0, 1, 2} >= {picks[0]}
    assert {7, 8} >= {picks[1]}
    assert len(picks) == 2


TWO_CLUSTERS = line(0, 1, 2, 3, 9, 100, 101, 104)


def test_typiclust():
    # Sums of distances within 0, 1, 2, 3, 9: 15, 12, 11, 12, 30, so 2 is typical (their mean, 3, is not);
    # within 100, 101, 104: 5, 4, 7, so 101. The larger cluster first.
    assert TYPICLUST.choose(pool_of(TWO_CLUSTERS), 2).tolist() == [2, 6]


def test_typiclust_goes_where_no_label_is():
    # One label and one pick: two clusters; the larger one is labeled, so the smaller one's 101.
    assert TYPICLUST.choose(pool_of(TWO_CLUSTERS, seen=line(2.5)), 1).tolist() == [6]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_typiclust_measures_clusters_far_from_zero_as_those_at_zero(kind):
    # (0, 0), (3, 4), (6, 8) on a line, steps of 5; at 4096 float32 still has steps of 1 / 2048.
    X = (np.array([[0, 0], [3, 4], [6, 8]]) + (0 if kind is sparse.csr_matrix else 4096)).astype(np.float32)
    far = typiclust.sq_distances_of_first(Points(kind(X)), np.array([2, 0, 1]), 2)
    assert_allclose(far, [[0, 100, 25], [100, 0, 25]], atol=1e-4)


@pytest.mark.parametrize(
    ("size", "n", "weights", "want"),
    [
        (1000, 3, (0.5, 0.5), 30),
        (1000, 4, (2 / 3, 1 / 3), 13),  # 4 * 10^.5 = 12.65, less than 1000 / 25
        (100, 3, (0.5, 0.5), 20),  # a fifth of a small pool
        (100, 30, (0.5, 0.5), 30),
        (1000, 2, (1.0, 0.0), 2),
        (1000, 2, (0.0, 1.0), 1000),
    ],
)
def test_how_many_the_hybrid_preselects(size, n, weights, want):  # n * 10^(d / u), at most size * 5^-(u / d)
    assert n_candidates(pool_of(np.zeros((size, 1)), weights=weights), n) == want


# Five unsure items, and four hundred sure ones far away.
UNSURE = {
    "X": line(0, 1, 2, 9, 10, *range(50, 450)),
    "uncertainty": [0.9, 0.8, 0.7, 0.6, 0.5, *[0.1] * 400],
    "weights": (1 / 1.38, 0.38 / 1.38),
}


@pytest.mark.parametrize(
    ("method", "want"),
    [
        # 2 * 10^.38 = 4.8: five items are preselected.
        # Weighted means: (0 + .8 + 1.4) / 2.4 = .92, nearest 1; (5.4 + 5) / 1.1 = 9.45, nearest 9.
        ("kmeans", [1, 3]),
        # The most unsure, then the farthest from it.
        ("coreset", [0, 4]),
    ],
)
def test_hybrid(method, want):
    pool = pool_of(**UNSURE, diversity_method=method, model="any")
    assert HYBRID.choose(pool, 2).tolist() == want


def test_hybrid_scores():
    # Ranks of uncertainty 1, 0, 1/2, of distance to the label at 0: 0, 1, 1/2; weighed .6 to .4.
    pool = pool_of(line(1, 5, 3), seen=line(0), uncertainty=[0.9, 0.1, 0.5], weights=(0.6, 0.4))
    assert_allclose(HYBRID.scores(pool), [0.6, 0.4, 0.5])


def test_badge():
    X = np.array([[3.0, 4.0], [0.0, 1.0]])
    pool = pool_of(X, model=Told(X, [[0.6, 0.4], [0.1, 0.9]]))
    # p - e: (-.4, .4) and (.1, -.1). |.|^2 = .32 * 25 = 8 and .02 * 1; products -.08 and 4, so the squared
    # distance is 8 + .02 + 2 * .32 = 8.66.
    assert_allclose(BADGE.scores(pool), [8**0.5, 0.02**0.5])
    assert_allclose(gradients_of(pool).sq_distances(np.array([0]), np.array([1])), [[8.66]])
    assert BADGE.choose(pool, 2).tolist() == [0, 1]


def test_contrastive():
    X, seen = line(4), line(0, 10)
    model = Told(line(4, 0, 10), [[0.8, 0.2], [0.5, 0.5], [0.9, 0.1]])
    # .5 ln(.5/.8) + .5 ln(.5/.2) = .223144; .9 ln(.9/.8) + .1 ln(.1/.2) = .036690; their mean:
    assert_allclose(CONTRASTIVE.scores(pool_of(X, seen=seen, model=model)), [0.129917], atol=1e-6)


def test_costs():
    X = line(0, 1, 2)
    model = Told(X, [[0.5, 0.5], [0.6, 0.4], [0.8, 0.2]])  # margins 1, .8, .4
    pool = pool_of(X, model=model)
    pool.costs = np.array([4.0, 2.0, 0.5])
    assert_allclose(pool.value, [0.25, 0.4, 0.8])  # the cheap one pays best


def test_multilabel():
    p = np.array([[0.5, 0.9], [0.7, 0.7]])
    assert_allclose(over_labels(margin)(p), [0.6, 0.6])  # (1 + .2) / 2, (.6 + .6) / 2
    assert_allclose(over_labels(least_confident)(p), [0.3, 0.3])  # (.5 + .1) / 2
    # (.693147 + .325083) / 2; H(.7, .3) = .610864
    assert_allclose(over_labels(entropy)(p), [0.509115, 0.610864], atol=1e-6)


def test_relabel():
    p = [[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8]]
    votes = [{"ann": "a", "bob": "a"}, {"ann": "a", "bob": "b"}, {}, {"ann": "b", "bob": "b"}]
    result = suggest_relabels(votes, p, ["a", "b"], 4)
    # Consensus a, a (the model's word), a, b; the base rate is 2/3. Ann agrees 3 of 3 times, bob 2 of 3;
    # drawn to (5 + 1) / (6 + 1) with weight two: (3 + 12/7) / 5 = .942857 and .742857. Skills: model 1,
    # ann 1 - 3 * .057143 = .828571, bob .228571; nobody has their mean, .685714. Confidences:
    # (.9 + .342857 + .828571 * .942857 + .228571 * .742857) / 2.742857 = 2.193878 / 2.742857
    # (.6 + .342857 + .781224 + .228571 * .257143) / 2.742857 = 1.782857 / 2.742857
    # (.5 + .342857) / 1.685714; (.8 + .342857 + .781224 + .169796) / 2.742857
    assert_allclose(result.confidence, [0.799851, 0.65, 0.5, 0.763393], atol=1e-5)
    assert result.rows.tolist() == [2, 1, 3, 0]
    assert result.is_relabel.tolist() == [False, True, True, True]


def test_random():
    # Two of five: every item is in 2/5 of the batches, 400 of 1000, with a standard deviation of 15.5.
    counts = np.zeros(5)
    for seed in range(1000):
        counts[STRATEGIES["random"].choose(pool_of(line(0, 1, 2, 3, 1000), seed=seed), 2)] += 1
    assert np.abs(counts - 400).max() < 62


def test_auto_changes_over_when_two_classes_are_known():
    def rows(strategy, *labels):
        sampler = IntelligentSampler(strategy, random_state=0)
        if labels:
            sampler.fit(line(0, 104)[: len(labels)], labels)
        return sampler.select(TWO_CLUSTERS[1:7], 3).tolist()

    assert rows("auto") == rows("typiclust")
    assert rows("auto", "a") == rows("typiclust", "a")
    assert rows("auto", "a", "b") == rows("uncertainty_herding", "a", "b")
