"""How many items the hybrid preselects by uncertainty, worked by hand."""

import numpy as np
import pytest

from clean_al.points import Points
from clean_al.pool import Options, Pool
from clean_al.strategies.hybrid import n_candidates
from clean_al.validation import resolve_weights


def candidates(n_pool: int, n: int, uncertainty: float) -> int:
    X = np.zeros((n_pool, 1))
    weights = resolve_weights(uncertainty, None, None)
    return n_candidates(Pool(X, Points(X), None, None, np.random.default_rng(0), Options(weights)), n)


@pytest.mark.parametrize(
    ("n_pool", "n", "uncertainty", "expected"),
    [
        (10_000, 20, 0.5, 200),  # 20 * 10^1, below 10,000 / 5
        (105, 5, 0.5, 21),  # 105 / 5 is less than 5 * 10
        (30, 10, 0.5, 10),  # 30 / 5 = 6: never fewer than the batch
        (1_000, 10, 2 / 3, 32),  # d / u = 1/2: 10 * sqrt(10) = 31.6, below 1,000 / 25
        (1_000, 10, 1 / 3, 448),  # d / u = 2: 10 * 100, above 1,000 / sqrt(5) = 447.2
        (1_000, 10, 1.0, 10),  # plain uncertainty sampling
        (1_000, 10, 0.0, 1_000),  # plain diversity sampling
    ],
)
def test_candidates_are_ten_batches_or_a_fifth_of_the_pool_when_weights_are_equal(
    n_pool, n, uncertainty, expected
):
    assert candidates(n_pool, n, uncertainty) == expected
