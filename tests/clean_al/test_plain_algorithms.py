"""Every strategy against its plain algorithm, written with loops, on random pools."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.datasets import make_blobs

from clean_al import STRATEGIES, ExpectedModelChange, IntelligentSampler, suggest_relabels
from clean_al.committee import vote_entropy
from clean_al.multilabel import over_labels
from clean_al.points import Points
from clean_al.strategies.badge import BADGE
from clean_al.strategies.contrastive import CONTRASTIVE
from clean_al.strategies.facility_location import FACILITY_LOCATION
from clean_al.strategies.hybrid import HYBRID, n_candidates
from clean_al.strategies.kmeans import cluster_centers, kmeans_picks
from clean_al.strategies.probcover import PROBCOVER, ball_sq
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.uncertainty import UNCERTAINTY_METHODS

from .by_hand import Told, pool_of

SEEDS = st.integers(0, 10_000)
quickly = settings(deadline=None, max_examples=40)


def sq(a, b):
    return float(((a - b) ** 2).sum())


def probabilities(rng, n, k):
    return rng.dirichlet(np.full(k, 0.7), size=n)


@quickly
@given(SEEDS, st.integers(2, 6), st.sampled_from(["C", "F"]))
def test_uncertainty_is_its_formula_item_by_item(seed, k, order):
    p = np.array(probabilities(np.random.default_rng(seed), 12, k), order=order)
    plain = {
        "margin": [1 - (sorted(row)[-1] - sorted(row)[-2]) for row in p],
        "entropy": [-sum(v * math.log(v) for v in row if v > 0) for row in p],
        "least_confident": [1 - max(row) for row in p],
    }
    for method, want in plain.items():
        assert_allclose(UNCERTAINTY_METHODS[method](p), want, atol=1e-12)
        X = np.arange(12.0)[:, None]
        pool = pool_of(X, model=Told(X, p), uncertainty_method=method)
        picks = STRATEGIES["uncertainty"].choose(pool, 5)
        assert_allclose(np.array(want)[picks], sorted(want, reverse=True)[:5], atol=1e-12)


@quickly
@given(SEEDS)
def test_vote_entropy_counts_votes(seed):
    members = probabilities(np.random.default_rng(seed), 4 * 10, 3).reshape(4, 10, 3)
    for item, value in enumerate(vote_entropy(members)):
        votes = [int(m[item].argmax()) for m in members]
        shares = [votes.count(c) / 4 for c in set(votes)]
        assert value == pytest.approx(-sum(s * math.log(s) for s in shares), abs=1e-12)


@quickly
@given(SEEDS, st.integers(2, 4))
def test_expected_gradient_lengths_are_those_of_the_gradients(seed, k):
    rng = np.random.default_rng(seed)
    X, p = rng.normal(size=(6, 3)), probabilities(rng, 6, k)
    lengths = [
        [np.linalg.norm(np.outer(row - e, np.append(x, 1))) for e in np.eye(k)]
        for x, row in zip(X, p, strict=True)
    ]
    want = {
        "empirical": [row @ length for row, length in zip(p, lengths, strict=True)],
        "predicted": [length[row.argmax()] for row, length in zip(p, lengths, strict=True)],
        "root_mean_square": [
            math.sqrt(row @ np.square(length)) for row, length in zip(p, lengths, strict=True)
        ],
    }
    for method, values in want.items():
        pool = pool_of(X, model=Told(X, p), gradient_method=method)
        assert_allclose(STRATEGIES["expected_model_change"].scores(pool), values, atol=1e-9)


def test_the_gradient_is_that_of_the_loss_by_finite_differences():
    X, y = make_blobs(60, n_features=2, centers=3, cluster_std=4.0, random_state=2)
    model = ExpectedModelChange(random_state=0).fit(X[:40], y[:40]).model_
    x, W = np.append(X[50], 1.0), np.column_stack([model.coef_, model.intercept_])

    def loss(weights, label):
        logits = weights @ x
        return math.log(np.exp(logits).sum()) - logits[label]

    p, step = model.predict_proba(X[50:51])[0], 1e-6
    for label in range(3):
        slope = np.zeros(W.shape)
        for place in np.ndindex(*W.shape):
            up, down = W.copy(), W.copy()
            up[place] += step
            down[place] -= step
            slope[place] = (loss(up, label) - loss(down, label)) / (2 * step)
        assert_allclose(slope, np.outer(p - np.eye(3)[label], x), atol=1e-5)


@quickly
@given(SEEDS, st.booleans())
def test_kmeans_takes_the_item_nearest_to_the_middle_of_every_cluster(seed, weighted):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    weights = rng.uniform(0.1, 3, 60) if weighted else None
    centers = cluster_centers(Points(X), 5, np.random.default_rng(seed), weights)
    mine = [min(range(len(centers)), key=lambda c: sq(x, centers[c])) for x in X]
    mass = np.ones(60) if weights is None else weights
    heavy = sorted(set(mine), key=lambda c: -sum(mass[i] for i in range(60) if mine[i] == c))
    picks = kmeans_picks(Points(X), 5, np.random.default_rng(seed), weights)
    assert len(set(picks.tolist())) == 5
    for pick, c in zip(picks.tolist(), heavy, strict=False):
        nearest = min(sq(X[i], centers[c]) for i in range(60) if mine[i] == c)
        assert mine[pick] == c
        assert sq(X[pick], centers[c]) == pytest.approx(nearest)


@quickly
@given(SEEDS)
def test_cluster_centers_are_the_means_of_what_is_nearest_to_them(seed):
    blobs = np.random.default_rng(seed).normal(size=(5, 12, 2)) + 50 * np.arange(5)[:, None, None]
    centers = cluster_centers(Points(blobs.reshape(60, 2)), 5, np.random.default_rng(seed))
    assert_allclose(centers[np.argsort(centers[:, 0])], blobs.mean(axis=1), atol=1e-3)


def typicality(cluster, i):
    """Inverse mean distance to the 20 nearest of the cluster."""
    near = sorted(math.sqrt(sq(cluster[i], other)) for j, other in enumerate(cluster) if j != i)[:20]
    return len(near) / sum(near)


@quickly
@given(SEEDS, st.lists(st.integers(0, 5), max_size=4), st.sampled_from([np.asarray, sparse.csr_matrix]))
def test_typiclust_takes_the_most_typical_of_the_largest_unlabeled_clusters(seed, labeled_clusters, convert):
    rng = np.random.default_rng(seed)
    sizes = rng.permutation([23, 4, 9, 40, 6, 12])
    blobs = [rng.normal(1000 * c + 1000, 1.0, size=(size, 2)) for c, size in enumerate(sizes)]
    first = np.cumsum([0, *sizes])
    seen = np.array([blobs[c].mean(axis=0) for c in labeled_clusters]) if labeled_clusters else None
    n = 6 - len(labeled_clusters)
    pool = pool_of(np.vstack(blobs), seen=seen, seed=seed)
    pool.X, pool.points = convert(pool.X), Points(convert(pool.X))
    free = sorted((c for c in range(6) if c not in labeled_clusters), key=lambda c: -sizes[c])[:n]
    want = [first[c] + max(range(sizes[c]), key=lambda i: typicality(blobs[c], i)) for c in free]
    assert TYPICLUST.choose(pool, n)[: len(want)].tolist() == want


@quickly
@given(SEEDS, st.integers(2, 12), st.booleans())
def test_every_probcover_pick_covers_the_most_of_what_is_uncovered(seed, n, labeled):
    rng = np.random.default_rng(seed)
    X, seen = rng.normal(size=(45, 2)), rng.normal(size=(3, 2)) if labeled else None
    balls = n + (3 if labeled else 0)
    pairs = [sq(a, b) for i, a in enumerate(X) for b in X[:i]]
    # 45 * 44 / 2 - 1 = 23 * 43: the quantile lies between two pairs, never on one.
    radius = float(np.quantile(pairs, 1 / balls))
    assert ball_sq(pool_of(X), balls) == pytest.approx(radius)
    balls_of = [{j for j in range(45) if sq(X[i], X[j]) <= radius} for i in range(45)]
    left = {j for j in range(45) if not labeled or min(sq(X[j], s) for s in seen) > radius}
    picks = PROBCOVER.choose(pool_of(X, seen=seen, seed=seed), n)
    for pick in picks:
        assert len(balls_of[pick] & left) == max(len(ball & left) for ball in balls_of)
        left -= balls_of[pick]
    assert len(picks) == n or not left


@quickly
@given(SEEDS, st.integers(1, 12), st.sampled_from([np.asarray, sparse.csr_matrix]))
def test_every_facility_pick_adds_the_most_similarity(seed, n, convert):
    rng = np.random.default_rng(seed)
    X, seen = rng.normal(size=(40, 3)), rng.normal(size=(2, 3))
    width = float(np.median([sq(a, b) for i, a in enumerate(X) for b in X[:i]])) / 4
    similar = np.array([[math.exp(-sq(a, b) / width) for b in X] for a in X])
    covered = np.array([max(math.exp(-sq(x, s) / width) for s in seen) for x in X])
    pool = pool_of(X, seen=seen, seed=seed)
    pool.X, pool.points = convert(X), Points(convert(X))
    for pick in FACILITY_LOCATION.choose(pool, n):
        gains = [sum(max(s - c, 0) for s, c in zip(row, covered, strict=True)) for row in similar]
        assert gains[pick] == pytest.approx(max(gains), abs=1e-9)
        covered = np.maximum(covered, similar[pick])


@quickly
@given(SEEDS, st.integers(2, 6), st.sampled_from([(0.5, 0.5), (0.6, 0.4), (0.3, 0.7)]))
def test_the_hybrid_is_preselection_then_diversity_then_order(seed, n, weights):
    rng = np.random.default_rng(seed)
    X, unsure = rng.normal(size=(200, 2)), rng.random(200)
    pool = pool_of(X, uncertainty=unsure, model="any", weights=weights, diversity_method="coreset", seed=seed)
    candidates = sorted(range(200), key=lambda i: -unsure[i])[: n_candidates(pool, n)]
    spread = candidates[:1]
    while len(spread) < min(n, len(candidates)):
        spread.append(max(candidates, key=lambda i: min(sq(X[i], X[j]) for j in spread)))
    weight = {i: unsure[i] ** min(1.0, weights[0] / weights[1]) for i in spread}
    want = [max(spread, key=lambda i: weight[i])]
    while len(want) < len(spread):
        rest = [i for i in spread if i not in want]
        want.append(max(rest, key=lambda i: weight[i] * math.sqrt(min(sq(X[i], X[j]) for j in want))))
    if n_candidates(pool, n) > n:
        assert HYBRID.choose(pool, n).tolist() == want
    else:
        assert HYBRID.choose(pool, n).tolist() == candidates


def test_badge_draws_by_squared_distance_between_gradients():
    rng = np.random.default_rng(5)
    X, p = rng.normal(size=(6, 3)), probabilities(rng, 6, 3)
    gradients = [np.outer(row - np.eye(3)[row.argmax()], x).ravel() for x, row in zip(X, p, strict=True)]
    first = int(np.argmax([np.linalg.norm(g) for g in gradients]))
    chance = np.array([sq(g, gradients[first]) for g in gradients])
    counts = np.zeros(6)
    for seed in range(3000):
        one, two = BADGE.choose(pool_of(X, model=Told(X, p), seed=seed), 2)
        assert one == first
        counts[two] += 1
    drawn = chance > 0
    assert counts[~drawn].sum() == 0
    assert stats.chisquare(counts[drawn], 3000 * chance[drawn] / chance.sum()).pvalue > 0.001


@quickly
@given(SEEDS, st.integers(2, 25), st.sampled_from([np.asarray, sparse.csr_matrix]))
def test_contrastive_scores_are_mean_divergences_from_the_ten_nearest(seed, n_seen, convert):
    rng = np.random.default_rng(seed)
    X, seen = rng.normal(size=(8, 3)), rng.normal(size=(n_seen, 3))
    p, q = probabilities(rng, n_seen, 3), probabilities(rng, 8, 3)
    pool = pool_of(X, seen=seen, model=Told(np.vstack([X, seen]), np.vstack([q, p])))
    if convert is not np.asarray:
        pool.points = Points(convert(X))
        pool.labeled.__dict__["points"] = Points(convert(seen))
    want = []
    for i in range(8):
        near = sorted(range(n_seen), key=lambda j: sq(X[i], seen[j]))[:10]
        want.append(np.mean([sum(p[j] * np.log(p[j] / q[i])) for j in near]))
    assert_allclose(CONTRASTIVE.scores(pool), want, atol=1e-8)


@quickly
@given(SEEDS)
def test_costs_rank_by_score_per_cost(seed):
    rng = np.random.default_rng(seed)
    X, p, costs = np.arange(30.0)[:, None], probabilities(rng, 30, 3), rng.uniform(0.5, 20, 30)
    worth = [(1 - (sorted(row)[-1] - sorted(row)[-2])) / cost for row, cost in zip(p, costs, strict=True)]
    pool = pool_of(X, model=Told(X, p), weights=(1.0, 0.0))
    pool.costs = costs
    assert HYBRID.choose(pool, 6).tolist() == sorted(range(30), key=lambda i: -worth[i])[:6]


@quickly
@given(SEEDS, st.integers(1, 5), st.sampled_from(sorted(UNCERTAINTY_METHODS)))
def test_uncertainty_over_labels_is_the_mean_of_yes_or_no_questions(seed, n_labels, method):
    p = np.random.default_rng(seed).random((7, n_labels))
    plain = [np.mean([UNCERTAINTY_METHODS[method](np.array([[1 - v, v]]))[0] for v in row]) for row in p]
    assert_allclose(over_labels(UNCERTAINTY_METHODS[method])(p), plain, atol=1e-12)


def plain_voices(votes, p, classes, consensus):
    """How often each annotator agrees, the weight of such a share, and that of the model."""
    k, known = len(classes), [i for i, item in enumerate(votes) if item]
    base = max(sum(consensus[i] == c for i in known) for c in range(k)) / len(known)

    def skill(share):
        return max(1 - (1 - share) / max(1 - base, 0.05), 0.05)

    asked = {a: [] for item in votes for a in item}
    for i in known:
        if len(votes[i]) > 1:
            for a, label in votes[i].items():
                asked[a].append(label == classes[consensus[i]])
    everything = [hit for hits in asked.values() for hit in hits]
    mean = (sum(everything) + 1) / (len(everything) + 1)
    agreement = {a: (sum(hits) + 2 * mean) / (len(hits) + 2) for a, hits in asked.items()}
    return agreement, skill, skill(np.mean([np.argmax(p[i]) == consensus[i] for i in known]))


def plain_activelab(votes, p, classes):
    """Confidence in every consensus, as the module's text has it."""
    k = len(classes)
    counts = [[list(item.values()).count(c) for c in classes] for item in votes]
    consensus = [
        max(range(k), key=lambda c: (count[c], row[c])) for count, row in zip(counts, p, strict=True)
    ]
    agreement, skill, model = plain_voices(votes, p, classes, consensus)
    for i, (item, count) in enumerate(zip(votes, counts, strict=True)):
        tied = [c for c in range(k) if item and count[c] == max(count)]
        if len(tied) > 1:
            said = {
                c: model * p[i][c]
                + sum(skill(agreement[a]) * agreement[a] for a in item if item[a] == classes[c])
                for c in tied
            }
            consensus[i] = max(tied, key=said.get)
    agreement, skill, model = plain_voices(votes, p, classes, consensus)
    nobody = np.mean([model, *(skill(v) for v in agreement.values())])
    result = []
    for item, row, c in zip(votes, p, consensus, strict=True):
        terms = [(model, row[c]), (nobody, 1 / k)]
        for a, label in item.items():
            own = agreement[a]
            terms.append((skill(own), own if label == classes[c] else (1 - own) / (k - 1)))
        result.append(sum(w * v for w, v in terms) / sum(w for w, _ in terms))
    return result


@quickly
@given(SEEDS, st.integers(2, 4), st.integers(1, 5))
def test_relabel_confidence_is_that_of_the_plain_formula(seed, k, n_annotators):
    rng = np.random.default_rng(seed)
    classes = list("abcd"[:k])
    votes = [
        {f"ann{a}": str(rng.choice(classes)) for a in range(n_annotators) if rng.random() < 0.6}
        for _ in range(12)
    ]
    votes[0] = {"ann0": "a"}
    p = probabilities(rng, 12, k)
    result = suggest_relabels(votes, p, classes, 12)
    want = plain_activelab(votes, p, classes)
    assert_allclose(result.confidence, want, atol=1e-12)
    assert_allclose(np.array(want)[result.rows], sorted(want), atol=1e-12)
    assert result.is_relabel.tolist() == [bool(votes[row]) for row in result.rows]


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"committee", "badge", "typiclust", "dropquery"}))
def test_sparse_and_dense_pools_give_the_same_rows(name):
    X, y = make_blobs(260, n_features=5, centers=4, cluster_std=2.0, random_state=3)

    def rows(convert):
        return (
            IntelligentSampler(name, random_state=0).fit(convert(X[:40]), y[:40]).select(convert(X[40:]), 20)
        )

    np.testing.assert_array_equal(rows(np.asarray), rows(sparse.csr_matrix))
