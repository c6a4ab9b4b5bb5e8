"""Nearest distances between sparse rows, from the terms that they share: the same as from all numbers."""

import numpy as np
import pytest
from scipy import sparse

from clean_al import points
from clean_al.points import Points


def rows_of(rng: np.random.Generator, n: int, d: int, density: float, signed: bool) -> sparse.csr_matrix:
    mask = rng.random((n, d)) < density
    return sparse.csr_matrix(mask * (rng.random((n, d)) - (0.5 if signed else 0.0)))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_nearest_by_shared_terms_is_the_nearest_of_all(seed, signed, monkeypatch):
    monkeypatch.setattr(points, "SPARSE_SHARE", 1.0)
    rng = np.random.default_rng(seed)
    n, k, d = rng.integers(1, 60), rng.integers(1, 40), rng.integers(1, 80)
    own = rows_of(rng, n, d, rng.choice([0.02, 0.1, 0.5]), signed)
    others = rows_of(rng, k, d, rng.choice([0.02, 0.1, 0.5, 1.0]), signed)
    some = None if seed % 2 else rng.integers(0, n, size=7)
    own_rows = own.toarray() if some is None else own.toarray()[some]
    expected = ((own_rows[:, None] - others.toarray()[None]) ** 2).sum(axis=2).min(axis=1)
    found = Points(own).nearest_sq(Points(others), some)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_an_item_without_a_common_term_is_nearest_to_the_shortest(monkeypatch):
    monkeypatch.setattr(points, "SPARSE_SHARE", 1.0)
    own = sparse.csr_matrix(np.array([[1.0, 0, 0], [0, 2.0, 0]]))
    others = sparse.csr_matrix(np.array([[3.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]))
    # Row 0: |(1,0,0)-(3,0,0)|^2 = 4, to (0,0,1) 1 + 1 = 2, to (0,-1,0) 2.  Row 1: 4 + 9 = 13, 4 + 1 = 5, 9.
    np.testing.assert_allclose(Points(own).nearest_sq(Points(others)), [2.0, 5.0])


def test_rows_that_share_terms_with_everything_take_the_dense_way(monkeypatch):
    both = Points(sparse.csr_matrix(np.ones((4, 3))))
    assert both._shared(both) is None
    monkeypatch.setattr(points, "SPARSE_SHARE", 1.0)
    assert both._shared(both) == 12.0  # 4 rows of 3 terms, each met by 4 items: 48 products, 12 a row
