"""The guard that hands batches over to chance where labels do not follow the features."""

import numpy as np
import pytest

from clean_al.labeled import Labeled
from clean_al.points import Points
from clean_al.strategies.harm_guard import agreement, agreement_of_sets, partly_random, random_share

from .by_hand import line, pool_of


def share_of(X, y, **how):
    pool = pool_of(line(0, 1), model="any")
    pool.labeled = Labeled(np.asarray(X, float), np.asarray(y), None, np.ones(len(y), bool))
    return random_share(pool, **how)


def test_agreement_counts_the_nearest_label_of_items_that_have_a_fellow():
    # 0, 1, 2 agree with their neighbors, so do 10 and 11; 50 has no fellow. Chance: three items with
    # 2 fellows of 5 others, two with 1: (3 * .4 + 2 * .2) / 5 = .32.
    assert agreement(Points(line(0, 1, 2, 10, 11, 50)), np.array([0, 0, 0, 1, 1, 2])) == (1.0, 0.32, 5)
    agrees, chance, n = agreement(Points(line(0, 1, 3, 7)), np.array([0, 1, 0, 1]))
    assert (agrees, n) == (0.0, 4)
    assert chance == pytest.approx(1 / 3)
    assert agreement(Points(line(0, 1)), np.array([0, 1])) == (1.0, 0.0, 0)


def test_the_share_falls_with_the_standard_errors_above_chance():
    # 50 pairs of neighbors, 60 % alike, 49 fellows of 99 others: sqrt(.495 * .505 / 100) = .05, so 2.1 above.
    X = np.repeat(np.arange(50.0) * 10, 2)[:, None] + np.tile([0.0, 1.0], 50)[:, None]
    first = np.arange(50) % 2
    second = np.where(np.arange(50) < 30, first, 1 - first)
    y = np.column_stack([first, second]).ravel()
    above = (0.6 - 49 / 99) / np.sqrt(49 / 99 * 50 / 99 / 100)
    assert share_of(X, y, flat=1.0, clear=3.0) == pytest.approx((3 - above) / 2)
    assert share_of(X, y, flat=2.5, clear=3.0) == 1.0
    assert share_of(X, y, flat=0.5, clear=2.0) == 0.0


def test_labels_that_follow_are_left_to_the_strategy_and_shuffled_ones_to_chance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)) + 4 * (np.arange(120) % 3 == 0)[:, None]
    y = (np.arange(120) % 3 == 0).astype(int)
    assert share_of(X, y) == 0.0
    assert np.mean([share_of(X, rng.permutation(y)) for _ in range(20)]) > 0.7


def test_agreement_of_sets_counts_each_label_on_the_nearest_item():
    # Nearest: 0 and 1 one another, 3 has 1, 10 has 3. The third label is on one item alone.
    table = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1]])
    # First label: 0 and 1 agree, 10 does not (3 has none of it); second: 1 has 0 nearest, 3 agrees with 1.
    # Chance: three items with 2 fellows of 3 others, two with 1: (3 * 2 / 3 + 2 * 1 / 3) / 5.
    agrees, chance, n = agreement_of_sets(Points(line(0, 1, 3, 10)), table)
    assert (agrees, n) == (3 / 5, 4)
    assert chance == pytest.approx((3 * 2 / 3 + 2 / 3) / 5)
    assert agreement_of_sets(Points(line(0, 1)), np.eye(2, dtype=int)) == (1.0, 0.0, 0)


def test_sets_that_follow_are_left_to_the_strategy_and_shuffled_ones_to_chance():
    rng = np.random.default_rng(0)
    y = (rng.random((120, 4)) < 0.4).astype(int)
    X = rng.normal(size=(120, 4)) + 3 * y
    assert share_of(X, y) == 0.0
    assert np.mean([share_of(X, rng.permutation(y)) for _ in range(20)]) > 0.7


def test_while_little_is_known_nothing_is_said():
    assert share_of(line(*range(20)), np.arange(20) % 2) == 0.0  # 20 items with a fellow
    assert share_of(line(*range(200)), np.arange(200)) == 0.0  # every class seen once
    assert share_of(line(0, 1), [0, 0]) == 0.0
    assert random_share(pool_of(line(0, 1))) == 0.0


def test_the_share_of_chance_is_spread_among_the_first_of_the_chosen():
    rows = partly_random(pool_of(np.zeros((30, 1))), np.arange(6), 6, 0.5)
    assert len(set(rows.tolist())) == 6
    assert [r for r in rows.tolist() if r < 3] == [0, 1, 2]
    assert [r < 3 for r in rows.tolist()] != [True] * 3 + [False] * 3
    assert set(partly_random(pool_of(np.zeros((4, 1))), np.arange(4), 4, 1.0).tolist()) == {0, 1, 2, 3}
