"""Distances by blocks against the plain formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from clean_al.points import Points, exact_sq_distances

CLOUDS = hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 4)), elements=st.floats(-5, 5))


def plain(a, b):
    return ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)


def test_squared_distances_by_hand():
    points = Points(np.array([[0.0, 0.0], [3.0, 4.0]]))
    np.testing.assert_allclose(points.sq_distances(slice(0, 2), np.array([[0.0, 0.0]])), [[0.0], [25.0]])


@given(CLOUDS)
def test_dense_and_sparse_agree_with_the_plain_formula(X):
    for points in (Points(X), Points(sparse.csr_matrix(X))):
        np.testing.assert_allclose(points.sq_distances(slice(0, len(X)), X[:2]), plain(X, X[:2]), atol=1e-9)
        nearest = points.nearest_sq(points.take(slice(1, None)))
        np.testing.assert_allclose(nearest, plain(X, X[1:]).min(axis=1), atol=1e-9)


def test_blocks_do_not_change_the_nearest(monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 3))
    monkeypatch.setattr("clean_al.points.BLOCK_ROWS", 7)
    monkeypatch.setattr("clean_al.points.CENTER_ROWS", 3)
    points = Points(X)
    nearest = points.nearest_sq(Points(X[60:]), np.arange(10, 40))
    np.testing.assert_allclose(nearest, plain(X[10:40], X[60:]).min(axis=1), atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_float32_far_from_zero_keeps_its_distances(offset):
    X = np.random.default_rng(0).normal(size=(500, 16)) + offset
    d = Points(X.astype(np.float32)).sq_distances(slice(0, 500), X[:5].astype(np.float32))
    assert d.dtype == np.float32
    stored = X.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(d, plain(stored, stored[:5]), atol=2e-2)


def test_exact_distances_see_a_millionth_beside_a_million():
    a = np.array([[1e6, 0.0], [1e6 + 1e-6, 0.0]])
    assert exact_sq_distances(a, a)[0, 1] == pytest.approx(1e-12, rel=0.2)


def test_no_others_are_infinitely_far():
    assert np.isinf(Points(np.zeros((2, 1))).nearest_sq(Points(np.empty((0, 1))))).all()


def test_the_typical_distance_of_a_pool_of_copies_is_that_between_different_points():
    # 90 times the origin, and 10 points at (3, 4): 25 apart, where the median of all pairs is 0.
    X = np.array([[0.0, 0.0]] * 90 + [[3.0, 4.0]] * 10)
    assert Points(X).typical_sq(np.random.default_rng(0)) == pytest.approx(25.0)
    assert Points(X[:90]).typical_sq(np.random.default_rng(0)) == 0.0
