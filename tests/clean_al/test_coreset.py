"""Lazy k-center against the plain farthest-first algorithm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clean_al import IntelligentSampler
from clean_al.strategies import coreset


def farthest_first(X, labeled, n):
    """The textbook algorithm, all distances at every pick."""
    picks, centers = [], list(labeled)
    for _ in range(n):
        d = np.min([((X - c) ** 2).sum(axis=1) for c in centers], axis=0)
        d[picks] = -1
        picks.append(int(np.argmax(d)))
        centers.append(X[picks[-1]])
    return picks


@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([4, 16, 8192]))
def test_picks_are_those_of_the_plain_algorithm(seed, n, candidates):
    rng = np.random.default_rng(seed)
    X, labeled = rng.normal(size=(60, 3)), rng.normal(size=(3, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coreset, "CANDIDATES", candidates)
        points = coreset.Points(X)
        picks = coreset.lazy_k_center(points, points.nearest_sq(coreset.Points(labeled)), n, rng)
    assert picks.tolist() == farthest_first(X, labeled, n)


def test_a_far_cluster_gets_one_pick_not_all():
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(500, 2)), rng.normal(size=(30, 2)) * 0.01 + 100
    sampler = IntelligentSampler("coreset", random_state=0).fit(near[:20], [0, 1] * 10)
    rows = sampler.select(np.vstack([near[20:], far]), 20)
    assert (rows >= 480).sum() == 1
    assert rows[0] >= 480


def test_on_a_line_the_ends_come_first_then_the_middle():
    pool = np.array([[1.0], [10.0], [6.0], [2.0]])
    sampler = IntelligentSampler("coreset", random_state=0).fit([[0.0]], ["a"])
    assert sampler.select(pool, 3).tolist() == [1, 2, 3]


def test_equal_distances_are_not_always_given_to_the_first_row():
    pool = np.array([[1.0], [-1.0]])
    first = {
        int(IntelligentSampler("coreset", random_state=s).fit([[0.0]], ["a"]).select(pool, 1)[0])
        for s in range(20)
    }
    assert first == {0, 1}
