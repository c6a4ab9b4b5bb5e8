"""Coverage of what the model is unsure of: by hand, against the plain N x N algorithm, and in large pools."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse

from clean_al import IntelligentSampler
from clean_al.points import Points
from clean_al.strategies import herding
from clean_al.strategies.dropquery import DROPQUERY, flips
from clean_al.strategies.herding import herd, median_gap_sq, smallest_gap_sq
from clean_al.strategies.max_herding import MAX_HERDING
from clean_al.strategies.tcm import TCM
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty import UNCERTAINTY
from clean_al.strategies.uncertainty_herding import UNCERTAINTY_HERDING

from .by_hand import Told, line, pool_of

SEEDS = st.integers(0, 10_000)
quickly = settings(deadline=None, max_examples=40)


def on_the_circle(*degrees):
    """Points of unit length in these directions, in a plane of a space of four columns."""
    angle = np.radians(degrees)
    return np.column_stack([np.cos(angle), np.sin(angle), 0 * angle, 0 * angle])


def test_max_herding():
    # Squared distances on the unit circle are 2 - 2 cos: 0 to 60 degrees 1, 60 to 180 3, 0 to 180 4. With a
    # radius of 1, similarities e^-1 = .3679, e^-3 = .0498, e^-4 = .0183. Sums: 1.3862, 1.4177, 1.0681, so 60
    # degrees; then 0 degrees adds 1 - .3679 = .6321, 180 degrees .9502.
    X = on_the_circle(0, 60, 180) * [[2.0], [0.5], [7.0]]
    assert MAX_HERDING.choose(pool_of(X), 3).tolist() == [1, 2, 0]


def test_uncertainty_herding():
    # As above, but the model is sure of 180 degrees. Needs .9, .3, .05. Sums: .9 + .3679 * .3 + .0183 * .05 =
    # 1.0113; .3679 * .9 + .3 + .0498 * .05 = .6336; .0183 * .9 + .0498 * .3 + .05 = .0814: 0 degrees.
    # Then 60 degrees adds .3 * .6321 + .05 * (.0498 - .0183) = .1912; 180 degrees .05 * .9817 = .0491.
    pool = pool_of(on_the_circle(0, 60, 180), uncertainty=[0.9, 0.3, 0.05], model="any")
    assert UNCERTAINTY_HERDING.choose(pool, 3).tolist() == [0, 1, 2]
    assert UNCERTAINTY_HERDING.choose(pool_of(on_the_circle(0, 60, 180)), 3).tolist() == [1, 2, 0]


def test_the_radius_is_the_median_gap_to_the_labels_or_the_smallest_between_them():
    pool = pool_of(on_the_circle(60, 90, 180, 200, 240), seen=on_the_circle(0, 90, 270) * 3)
    # Gaps 30, 0, 90, 70, 30 degrees: the median is 30, 2 - 2 cos 30 = .2679; labels are 90 apart: 2.
    assert median_gap_sq(pool) == pytest.approx(0.267949)
    assert smallest_gap_sq(pool) == pytest.approx(2.0)
    alone = pool_of(on_the_circle(0, 60))
    assert median_gap_sq(alone) == smallest_gap_sq(alone) == 1.0


def test_rows_of_few_columns_keep_their_length():
    # The gaps of 0, 3, 5 to the labels 2 and 9 are 2, 1, 3: the median 2, squared 4. Without labels half the
    # median of 9, 25, 4.
    assert median_gap_sq(pool_of(line(0, 3, 5), seen=line(2, 9, -40))) == 4.0
    assert median_gap_sq(pool_of(line(0, 3, 5))) == 4.5
    # Covered already e^-1 = .3679, e^-.25 = .7788, e^-2.25 = .1054. Between them 0 to 3 e^-2.25 = .1054, 3 to
    # 5 e^-1 = .3679, 0 to 5 .0019. So 0 adds .6321, 3 adds .2212 and .2625 at 5, 5 adds .8946; then 0 does.
    pool = pool_of(line(0, 3, 5), seen=line(2, 9, -40))
    assert MAX_HERDING.choose(pool, 3).tolist() == [2, 0, 1]
    assert MAX_HERDING.choose(pool_of(line(*range(1, 100))), 1).tolist() == [49]


def test_without_diversity_only_the_most_unsure_count():
    unsure = [0.5, 0.999, 0.6, 0.2]
    pool = pool_of(on_the_circle(0, 90, 180, 270), uncertainty=unsure, model="any", weights=(1.0, 0.0))
    assert UNCERTAINTY_HERDING.choose(pool, 1).tolist() == [1]


def plain(X, need, covered, radius_sq):
    """Picks one after the other, with the whole kernel."""
    U = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300)
    K = np.exp(-np.square(U[:, None] - U[None]).sum(axis=2) / radius_sq)
    while True:
        gains = (need * np.maximum(K - covered, 0)).sum(axis=1)
        pick = yield gains
        covered = np.maximum(covered, K[pick])


@quickly
@given(SEEDS, st.integers(1, 10), st.booleans(), st.sampled_from([np.asarray, sparse.csr_matrix]))
def test_every_pick_adds_the_most_of_all(seed, n, labeled, convert):
    rng = np.random.default_rng(seed)
    X, seen, unsure = rng.normal(size=(40, 4)), rng.normal(size=(4, 4)), rng.random(40)
    pool = pool_of(X, seen=seen if labeled else None, uncertainty=unsure, model="any", seed=seed)
    pool.X, pool.points = convert(X), Points(convert(X))
    if labeled:
        pool.seen = Points(convert(seen))
    U, S = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (X, seen))
    gap = np.square(U[:, None] - S[None]).sum(axis=2).min(axis=1)
    radius_sq = float(np.median(gap)) if labeled else 1.0
    greedy = plain(X, unsure, np.exp(-gap / radius_sq) if labeled else np.zeros(40), radius_sq)
    gains = next(greedy)
    for pick in UNCERTAINTY_HERDING.choose(pool, n).tolist():
        assert gains[pick] == pytest.approx(gains.max(), rel=1e-6)
        gains = greedy.send(pick)


def test_in_a_large_pool_each_pick_adds_nearly_the_most(monkeypatch):
    monkeypatch.setattr(herding, "EXACT", 300)
    monkeypatch.setattr(herding, "CANDIDATES", 300)
    monkeypatch.setattr(herding, "REFERENCES", 300)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)) + 3 * rng.integers(-1, 2, size=(3000, 1))
    need = rng.random(3000) ** 3
    picks = herd(pool_of(X), 5, need, 0.2)
    greedy = plain(X, need, np.zeros(3000), 0.2)
    gains = next(greedy)
    for pick in picks.tolist():
        # Hoeffding: of 300 candidates, by 300 references, one is off by .12 of the sum in 1 case of 10.
        assert gains[pick] >= gains.max() - 0.12 * need.sum()
        gains = greedy.send(pick)


def test_a_sample_stands_for_the_sum_it_is_drawn_from():
    rng = np.random.default_rng(1)
    need, values = rng.random(5000), rng.random(5000)
    totals = []
    for _ in range(200):
        rows, weight = herding._references(need, 400, rng)
        totals.append(float(values[rows] @ weight))
    exact = float(values @ need)
    # One total has a deviation of total(need) * std(values) / sqrt(400), a mean of 200 of them a 14th of it.
    assert np.mean(totals) == pytest.approx(exact, abs=4 * need.sum() * 0.29 / 20 / math.sqrt(200))
    rows, weight = herding._references(need, 5000, rng)
    assert_allclose(values[rows] @ weight, exact)


def test_candidates_are_distinct_and_lean_to_what_is_needed():
    rng = np.random.default_rng(2)
    need = np.r_[np.full(5000, 9.0), np.full(5000, 1.0)]
    rows = herding._candidates(need, 100, rng)
    assert len(set(rows.tolist())) == 100
    assert 80 <= (rows < 5000).sum() <= 98


def test_items_at_zero_and_copies_do_no_harm():
    X = np.vstack([np.zeros((5, 3)), np.ones((20, 3)), np.eye(3)])
    rows = IntelligentSampler("uncertainty_herding", random_state=0).select(X, 10)
    assert len(set(rows.tolist())) == 10
    fitted = IntelligentSampler("uncertainty_herding", random_state=0).fit(np.ones((4, 3)), [0, 1, 0, 1])
    assert len(set(fitted.select(X, 10).tolist())) == 10


def test_dropquery():
    # Three quarters of the features dropped: (9, 0) keeps its label 0 whatever is left (0, 0 has it too); at
    # (1, 1.2) label 1 wins by the second feature alone, which is there in one prediction of four.
    class ByLargest:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            second = (X[:, 1] > X[:, 0]).astype(float)
            return np.column_stack([1 - second, second])

    X = np.repeat([[9.0, 0.0], [1.0, 1.2]], 2000, axis=0)
    count = flips(pool_of(X, model=ByLargest()))
    assert (count[:2000] == 0).all()
    # It flips with chance 3/4, so in 2 or 3 of 3: 3 * 9/16 * 1/4 + 27/64 = 54/64 = .844 (one error .008).
    assert np.mean(count[2000:] > 1.5) == pytest.approx(0.844, abs=0.04)
    picks = DROPQUERY.choose(pool_of(X, model=ByLargest()), 3)
    assert (picks >= 2000).all()


def test_dropquery_fills_up_with_the_most_unsure():
    X = line(-3, -2, -1, 1, 2, 3)
    model = Told(np.vstack([X, [[0.0]], 4 * X]), [[0.9, 0.1]] * 13)
    pool = pool_of(X, model=model, uncertainty=[0.1, 0.2, 0.3, 0.6, 0.5, 0.4])
    assert DROPQUERY.choose(pool, 3).tolist() == [3, 4, 5]


@pytest.mark.parametrize(("labels", "stage"), [(5, "typical"), (6, "margin")])
def test_tcm_turns_to_the_margin_at_three_labels_for_every_class(labels, stage):
    # by_hand's labels are 0, 1, 0, ...: two classes, so six labels.
    X, seen = line(0, 1, 2, 3, 9, 100, 101, 104), line(*range(500, 500 + labels))
    unsure = [0.8, 0.1, 0.2, 0.1, 0.9, 0.1, 0.1, 0.3]
    pool = pool_of(X, seen=seen, uncertainty=unsure, model="any")
    if stage == "margin":
        assert TCM.choose(pool, 2).tolist() == UNCERTAINTY.choose(pool, 2).tolist() == [4, 0]
    else:
        twin = pool_of(X, seen=seen, uncertainty=unsure, model="any")
        assert TCM.choose(pool, 2).tolist() == TYPICLUST.choose(twin, 2).tolist()
