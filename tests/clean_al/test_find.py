"""Finding the rare: the most probable items of one label, and a few others."""

import numpy as np
import pytest

from clean_al import STRATEGIES, IntelligentSampler
from clean_al.strategies.find import FIND

from .by_hand import Told, line, pool_of

X = line(0, 1, 2, 3)
P = [[0.5, 0.1, 0.4], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.8, 0.15, 0.05]]


def test_the_most_probable_items_of_the_wanted_label_come_first():
    # Columns 0, 1, 2; four items are too few for a tenth of them to be drawn.
    for label, order in (("0", [3, 0, 2, 1]), ("1", [1, 2, 3, 0])):
        pool = pool_of(X, model=Told(X, P), wanted=label)
        assert FIND.choose(pool, 4).tolist() == order
        np.testing.assert_allclose(FIND.scores(pool), np.array(P)[:, int(label)])


def test_a_tenth_of_a_batch_is_drawn_from_all_others():
    X = line(*range(100))
    told = Told(X, np.stack([1 - np.arange(100) / 100, np.arange(100) / 100], axis=1))
    rows = FIND.choose(pool_of(X, model=told, wanted="1"), 20)
    assert [row for row in rows.tolist() if row >= 82][:2] == [99, 98]
    assert set(range(82, 100)) <= set(rows.tolist())
    assert len(set(rows.tolist())) == 20


def test_without_a_goal_the_rarest_label_is_wanted():
    points = line(0, 1, 2, 10, 4, 5, 6, 9)
    sampler = IntelligentSampler("find", random_state=0).fit(points[:4], ["a", "a", "a", "b"])
    assert sampler.select(points[4:], 4).tolist() == [3, 2, 1, 0]
    named = IntelligentSampler(goal="find:a", random_state=0).fit(points[:4], ["a", "a", "a", "b"])
    assert named.select(points[4:], 4).tolist() == [0, 1, 2, 3]


def test_of_several_labels_the_goal_is_a_column():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X > [0, 1]).astype(int)
    for j in range(2):
        sampler = IntelligentSampler(goal=f"find:{j}", random_state=0).fit(X[:30], y[:30])
        assert X[30:][sampler.select(X[30:], 4), j].min() > np.median(X[30:, j])
    rarest = IntelligentSampler("find", random_state=0).fit(X[:30], y[:30])
    assert rarest.select(X[30:], 4).tolist() == sampler.select(X[30:], 4).tolist()


def test_a_label_that_is_not_known_yet_is_waited_for_by_the_default():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X[:, 0] > 0
    finding = IntelligentSampler(goal="find:spam", random_state=0).fit(X[:20], y[:20])
    default = IntelligentSampler(random_state=0).fit(X[:20], y[:20])
    assert finding.select(X[20:], 5).tolist() == default.select(X[20:], 5).tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"goal": "spam"}, "goal must be 'find:<label>' or None, got 'spam'"),
        ({"goal": "find: "}, "goal must be"),
        ({"goal": 3}, "goal must be"),
        ({"goal": "find:a", "strategy": "badge"}, "goes with strategy='find', not 'badge'"),
    ],
)
def test_wrong_goals_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        IntelligentSampler(**options).select(X, 1)


def test_no_fewer_of_a_rare_label_are_found_than_by_the_boundary():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 4)), np.arange(1000) >= 950
    X[y, 0] += 2.5
    found = {}
    for name in ("find", "uncertainty", "random"):
        sampler, left = (
            IntelligentSampler(name, random_state=0),
            np.setdiff1d(np.arange(1000), [0, 1, 2, 950, 951]),
        )
        sampler.fit(X[[0, 1, 2, 950, 951]], y[[0, 1, 2, 950, 951]])
        for _ in range(5):
            rows = left[sampler.select(X[left], 20)]
            sampler.update(X[rows], y[rows])
            left = np.setdiff1d(left, rows)
        found[name] = int(sampler.labeled_.y.sum())
    assert found["find"] >= found["uncertainty"] > 2 * found["random"]
    assert "find" in STRATEGIES
