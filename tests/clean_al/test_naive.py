"""Fast algorithms against plain ones, and small cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.datasets import make_blobs
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from clean_al import ExpectedModelChange, IntelligentSampler, QueryByCommittee
from clean_al.committee import consensus_entropy, consensus_kl, jensen_shannon, vote_entropy
from clean_al.costs import per_cost
from clean_al.learners import SparseLogisticRegression, class_probabilities
from clean_al.points import Points
from clean_al.strategies.badge import gradients_of
from clean_al.strategies.contrastive import CONTRASTIVE
from clean_al.strategies.coverage import greedy_cover
from clean_al.strategies.determinantal import greedy_map
from clean_al.strategies.expected_model_change import empirical, predicted, root_mean_square
from clean_al.strategies.kmeans import kmeans_picks
from clean_al.strategies.lazy_draws import lazy_d2

SEEDS = st.integers(0, 10_000)


def plain_greedy_map(L, n):
    """Adds the item of the largest determinant, computed in full each time."""
    picks = []
    for _ in range(n):
        rest = [j for j in range(len(L)) if j not in picks]
        gains = [np.linalg.det(L[np.ix_([*picks, j], [*picks, j])]) for j in rest]
        picks.append(rest[int(np.argmax(gains))])
    return picks


@settings(deadline=None)
@given(SEEDS)
def test_greedy_map_picks_the_largest_determinants(seed):
    rng = np.random.default_rng(seed)
    X, quality = rng.normal(size=(25, 3)), rng.uniform(0.5, 1.5, 25)
    d = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    picks = greedy_map(Points(X), 6, quality, 4.0, rng)
    assert picks.tolist() == plain_greedy_map(np.exp(-d / 4.0) * np.outer(quality, quality), 6)


def test_greedy_map_ends_when_only_copies_are_left():
    X = np.repeat(np.array([[0.0], [5.0]]), 10, axis=0)
    assert len(greedy_map(Points(X), 10, np.ones(20), 1.0, np.random.default_rng(0))) == 2


def plain_cover(similarity, covered, n):
    picks = []
    for _ in range(n):
        gains = np.maximum(similarity - covered, 0).sum(axis=1)
        if gains.max() <= 1e-9:
            break
        picks.append(int(np.argmax(gains)))
        covered = np.maximum(covered, similarity[picks[-1]])
    return picks


@given(SEEDS, st.integers(1, 10))
def test_lazy_coverage_is_the_plain_greedy(seed, n):
    rng = np.random.default_rng(seed)
    similarity, covered = rng.random((15, 20)), rng.random(20) * 0.3
    plain = plain_cover(similarity, covered, n)  # ends before nothing is gained, where all are equal
    assert greedy_cover(similarity, covered, len(plain)).tolist() == plain


def test_coverage_by_hand():
    similarity = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.5], [0.0, 0.5, 1.0]])
    assert greedy_cover(similarity, np.zeros(3), 2).tolist() == [1, 2]  # 2.1 first, then 0.5 against 0.4


def test_lazy_draws_have_the_plain_distribution():
    X = np.array([[0.0], [1.0], [3.0], [4.0]])
    pairs = np.zeros((4, 4))
    rng = np.random.default_rng(0)

    def sq(rows, picks):
        return (X[rows][:, :1] - X[picks].T) ** 2

    for _ in range(4000):
        _, second, third = lazy_d2(4, 3, 0, sq, rng, np.ones(4))
        pairs[second, third] += 1
    expected = np.zeros((4, 4))
    for second in (1, 2, 3):
        p = X[second, 0] ** 2 / 26  # 1 + 9 + 16
        left = np.minimum(X[:, 0] ** 2, (X[:, 0] - X[second, 0]) ** 2)
        expected[second] += 4000 * p * left / left.sum()
    seen = expected > 0
    assert not pairs[~seen].any()
    assert stats.chisquare(pairs[seen], expected[seen]).pvalue > 0.001


def test_lazy_draws_end_when_only_copies_are_left():
    X = np.zeros((5, 1))
    picks = lazy_d2(5, 4, 2, lambda r, p: (X[r] - X[p].T) ** 2, np.random.default_rng(0), np.ones(5))
    assert picks.tolist() == [2]


@pytest.fixture(scope="module")
def fitted():
    X, y = make_blobs(90, n_features=3, centers=3, cluster_std=3.0, random_state=1)
    sampler = IntelligentSampler("badge", random_state=0).fit(X[:30], y[:30])
    sampler.select(X[30:], 5)
    return sampler, X[30:]


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_factored_gradients_have_the_distances_of_the_full_ones(fitted, convert):
    sampler, X = fitted
    pool = sampler.selection_.pool
    pool = type(pool)(**{**vars(pool), "X": convert(X)})
    p = sampler.model_.predict_proba(X)
    residual = p - np.eye(3)[p.argmax(axis=1)]
    full = (residual[:, :, None] * X[:, None, :]).reshape(len(X), -1)
    rows, picks = np.array([4, 0, 17]), np.array([2, 3])
    want = ((full[rows][:, None] - full[picks][None]) ** 2).sum(axis=2)
    gradients = gradients_of(pool)
    np.testing.assert_allclose(gradients.sq_distances(rows, picks), want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(gradients.sq_norms, (full**2).sum(axis=1), rtol=1e-9)


def test_badge_begins_with_the_longest_gradient(fitted):
    sampler, X = fitted
    p = sampler.model_.predict_proba(X)
    lengths = np.linalg.norm(p - np.eye(3)[p.argmax(axis=1)], axis=1) * np.linalg.norm(X, axis=1)
    assert sampler.select(X, 5)[0] == np.argmax(lengths)


def test_expected_gradient_lengths_by_hand():
    p = np.array([[0.6, 0.4]])
    first, second = np.hypot(0.4, 0.4), np.hypot(0.6, 0.6)  # |p - e_0|, |p - e_1|
    np.testing.assert_allclose(empirical(p), 0.6 * first + 0.4 * second)
    np.testing.assert_allclose(predicted(p), first)
    np.testing.assert_allclose(root_mean_square(p), np.sqrt(0.6 * first**2 + 0.4 * second**2))


def test_the_closed_form_is_the_gradient_of_the_loss():
    X, y = make_blobs(60, n_features=2, centers=3, cluster_std=4.0, random_state=2)
    emc = ExpectedModelChange(random_state=0).fit(X[:40], y[:40])
    x = np.append(X[50], 1.0)
    p = emc.model_.predict_proba(X[50:51])[0]
    lengths = [np.linalg.norm(np.outer(p - e, x)) for e in np.eye(3)]
    np.testing.assert_allclose(emc.get_change_scores(X[50:51]), [p @ lengths], rtol=1e-6)


MEMBERS = np.array([[[0.9, 0.1], [0.8, 0.2]], [[0.2, 0.8], [0.7, 0.3]]])  # two members, two items


def test_vote_entropy_by_hand():
    np.testing.assert_allclose(vote_entropy(MEMBERS), [np.log(2), 0.0])


def test_consensus_kl_by_hand():
    mean = np.array([0.55, 0.45])
    first = 0.5 * ((MEMBERS[0, 0] * np.log(MEMBERS[0, 0] / mean)).sum())
    second = 0.5 * ((MEMBERS[1, 0] * np.log(MEMBERS[1, 0] / mean)).sum())
    np.testing.assert_allclose(consensus_kl(MEMBERS)[0], first + second)


@given(SEEDS)
def test_jensen_shannon_equals_the_mean_divergence_to_the_consensus(seed):
    members = np.random.default_rng(seed).dirichlet(np.ones(4), size=(3, 6))
    np.testing.assert_allclose(jensen_shannon(members), consensus_kl(members), atol=1e-12)


def test_a_committee_of_one_mind_disagrees_about_nothing():
    same = np.repeat(MEMBERS[:1], 3, axis=0)
    for measure in (vote_entropy, consensus_kl, jensen_shannon):
        np.testing.assert_allclose(measure(same), 0, atol=1e-12)
    assert consensus_entropy(same)[1] > consensus_entropy(same)[0]


def test_members_that_missed_a_class_still_vote_in_the_right_column():
    X = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    committee = QueryByCommittee(8, "logistic_regression", random_state=0).fit(X, ["a", "a", "b", "b", "c"])
    members = committee.model_.member_probabilities(np.array([[0.0]]))
    assert members.shape == (8, 1, 3)
    np.testing.assert_allclose(members.sum(axis=2), 1)
    assert (members[:, 0, 2] == 0).any()  # some bootstrap had no "c"


def test_committees_may_be_mixed_and_refuse_nonsense():
    X, y = make_blobs(40, random_state=0)
    mixed = QueryByCommittee(4, ["logistic_regression", "gaussian_naive_bayes"], random_state=0).fit(X, y)
    assert len({type(m).__name__ for m in mixed.model_.members_}) == 2
    with pytest.raises(ValueError, match="n_estimators must be at least 2"):
        QueryByCommittee(1).fit(X, y)
    with pytest.raises(ValueError, match="base_estimator='forest' is unknown"):
        QueryByCommittee(base_estimator="forest").fit(X, y)
    with pytest.raises(ValueError, match="disagreement_method"):
        QueryByCommittee(disagreement_method="quarrel").fit(X, y)
    with pytest.raises(ValueError, match="not fitted"):
        QueryByCommittee().get_disagreement_scores(X)
    with pytest.raises(ValueError, match="method"):
        mixed.get_disagreement_scores(X, "quarrel")
    with pytest.raises(ValueError, match=r"gradient_method.*empirical"):
        ExpectedModelChange(gradient_method="steep").fit(X, y)
    with pytest.raises(ValueError, match="not fitted"):
        ExpectedModelChange().get_change_scores(X)


def test_contrastive_scores_are_the_mean_divergence_from_the_neighbors(fitted):
    sampler, X = fitted
    pool = sampler.selection_.pool
    labeled, model = sampler.labeled_.X, sampler.model_
    p, q = model.predict_proba(labeled), model.predict_proba(X)
    for row in (0, 7, 31):
        near = np.argsort(((labeled - X[row]) ** 2).sum(axis=1))[:10]
        want = np.mean([(p[j] * np.log(p[j] / q[row])).sum() for j in near])
        assert CONTRASTIVE.scores(pool)[row] == pytest.approx(want, abs=1e-9)


def test_k_means_picks_are_one_of_each_blob():
    X = np.vstack([np.random.default_rng(i).normal(30 * i, 1.0, size=(40, 2)) for i in range(6)])
    rows = kmeans_picks(Points(X), 6, np.random.default_rng(0))
    assert sorted(rows // 40) == list(range(6))


def test_k_means_picks_are_distinct_even_among_copies():
    X = np.repeat(np.arange(3.0)[:, None], 10, axis=0)
    rows = kmeans_picks(Points(X), 8, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 8


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_quick_probabilities_are_those_of_the_model(n_classes, convert):
    X, y = make_blobs(80, n_features=3, centers=n_classes, cluster_std=4.0, random_state=0)
    model = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(class_probabilities(model, convert(X)), model.predict_proba(X), atol=1e-12)


def test_features_that_never_occur_need_not_be_fitted():
    X = sparse.random(50, 300, 0.05, format="csr", random_state=0)
    y = np.arange(50) % 3
    quick, full = SparseLogisticRegression(tol=1e-8, max_iter=500), LogisticRegression(tol=1e-8, max_iter=500)
    np.testing.assert_allclose(quick.fit(X, y).coef_, full.fit(X, y).coef_, atol=1e-4)


def test_scores_per_cost_by_hand():
    np.testing.assert_allclose(per_cost(np.array([0.4, 0.9]), np.array([1.0, 3.0])), [0.4, 0.3])
    np.testing.assert_allclose(per_cost(np.array([-1.0, 1.0]), np.array([1.0, 4.0])), [0.0, 0.5])


@pytest.mark.parametrize("strategy", ["uncertainty", "hybrid", "auto", "coreset"])
def test_an_item_ten_times_as_dear_comes_later(strategy):
    X = np.array([[2.0], [2.3], [-3.0], [7.0]])
    sampler = IntelligentSampler(strategy, random_state=0).fit([[0.0], [4.0]], ["a", "b"])
    first = int(sampler.select(X, 1)[0])
    costs = np.where(np.arange(4) == first, 10.0, 1.0)
    assert sampler.select(X, 1, costs=costs)[0] != first
    with pytest.raises(ValueError, match="costs must be finite and above zero"):
        sampler.select(X, 1, costs=[0, 1, 1, 1])
    with pytest.raises(ValueError, match="one number per row"):
        sampler.select(X, 1, costs=[1, 1])


def test_change_scores_are_the_same_with_an_embedding():
    X = np.array([[0.0, 0.0], [2.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    plain = ExpectedModelChange(random_state=0).fit(X, [0, 1, 1, 0])
    embedded = ExpectedModelChange(random_state=0).fit(X, [0, 1, 1, 0], embedding=X[:, :1])
    # The mean length of p - e_y of two classes is 2 sqrt(2) p (1 - p); a row (3, 4, 1) is sqrt(26) long.
    p = plain.model_.predict_proba(X)[:, 0]
    by_hand = 2 * np.sqrt(2) * p * (1 - p) * np.sqrt([1, 5, 26, 2])
    np.testing.assert_allclose(plain.get_change_scores(X), by_hand)
    np.testing.assert_allclose(embedded.get_change_scores(X), by_hand)
    np.testing.assert_allclose(embedded.get_change_scores(X, embedding=X[:, :1]), by_hand)
    with pytest.raises(ValueError, match="embedding has 2 columns, in fit it had 1"):
        embedded.get_change_scores(X, embedding=X)


def test_change_scores_of_gaps_take_their_lengths_from_the_embedding():
    X = np.array([[0.0], [np.nan], [3.0], [4.0]] * 5)
    embedding = np.array([[0.0], [1.0], [2.0], [3.0]] * 5)
    sampler = ExpectedModelChange(HistGradientBoostingClassifier(min_samples_leaf=2), random_state=0)
    sampler.fit(X, [0, 0, 1, 1] * 5, embedding=embedding)
    with pytest.raises(ValueError, match="X has gaps or columns that hold no numbers: give embedding too"):
        sampler.get_change_scores(X)
    p = sampler.model_.predict_proba(X[:4])[:, 0]
    by_hand = 2 * np.sqrt(2) * p * (1 - p) * np.sqrt([1, 2, 5, 10])
    np.testing.assert_allclose(sampler.get_change_scores(X[:4], embedding=embedding[:4]), by_hand)


def test_lazy_draws_of_vanishing_weights_stay_within_the_pool():
    def sq_distances(rows, picks):
        return np.full((len(np.arange(3)[rows]), len(picks)), 5e-324)

    rows = lazy_d2(3, 2, 1, sq_distances, np.random.default_rng(0), np.array([1.0, 1.0, 1.0]))
    assert len(set(rows.tolist())) == len(rows)
    assert set(rows.tolist()) <= {0, 1, 2}
