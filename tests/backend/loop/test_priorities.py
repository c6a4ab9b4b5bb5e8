from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import sparse, stats

from backend.learning.vectorize import Features
from backend.loop.audit import audited_head
from backend.loop.options import ProjectOptions
from backend.loop.priorities import Chooser, Head, as_predictions
from backend.store.features import PoolFeatures
from clean_al import IntelligentSampler
from tests.backend.samples import chosen


def pool_of(n: int, unreadable: list[int] | None = None, csr: bool = False) -> Features:
    X = np.random.default_rng(5).normal(size=(n, 4)).astype(np.float32)
    readable = np.ones(n, dtype=bool)
    readable[unreadable or []] = False
    X[~readable] = 0
    return Features(sparse.csr_matrix(X) if csr else X, X, readable)


def trained(pool: Features) -> IntelligentSampler:
    """Return a sampler that has learned from other items than the pool's."""
    X = np.random.default_rng(6).normal(size=(20, 4)).astype(np.float32)
    labels = np.where(X[:, 0] > 0, "right", "left")
    given = sparse.csr_matrix(X) if sparse.issparse(pool.X) else X
    return IntelligentSampler(random_state=0).fit(given, labels, embedding=X)


def head_of(
    pool: Features, candidates: Any = None, *, seed: int = 0, cold: bool = False, **given: Any
) -> Head:
    rows = np.arange(len(pool)) if candidates is None else np.array(candidates, dtype=np.int64)
    sampler = IntelligentSampler("typiclust", random_state=0) if cold else trained(pool)
    ids = np.arange(len(pool))
    stored = PoolFeatures(ids, ids, pool, None)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    return audited_head(Chooser(sampler, rows), stored, rows, ids[:0], ProjectOptions(**given), rng, None)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 99, 100, 150])
def test_a_head_has_distinct_candidates_up_to_its_size(n: int, cold: bool, csr: bool) -> None:
    head = head_of(pool_of(n, csr=csr), cold=cold, queue_size=100, batch_size=20)
    assert len(head.rows) == len(head.audit) == min(n, 100)
    assert len(set(head.rows.tolist())) == len(head.rows)
    assert set(head.rows.tolist()) <= set(range(n))


def test_no_candidates_are_no_head() -> None:
    head = head_of(pool_of(5), [])
    assert head.rows.tolist() == head.audit.tolist() == []


def test_rows_count_among_the_candidates() -> None:
    pool, candidates = pool_of(30), [3, 4, 17, 25, 29]
    head = head_of(pool, candidates, exploration=0.0)
    assert sorted(head.rows.tolist()) == [0, 1, 2, 3, 4]
    alone = Features(pool.X[candidates], pool.embedding[candidates], pool.readable[candidates])
    sampler = trained(pool)
    assert head.rows.tolist() == sampler.select(alone.X, 5, embedding=alone.embedding).tolist()


def test_the_batch_comes_first_then_the_reserve() -> None:
    pool = pool_of(60)
    head = head_of(pool, exploration=0.0, queue_size=30, batch_size=10)
    batch = trained(pool).select(pool.X, 10, embedding=pool.embedding)
    assert head.rows[:10].tolist() == batch.tolist()
    rest = np.setdiff1d(np.arange(60), batch)
    reserve = trained(pool).select(pool.X[rest], 20, embedding=pool.embedding[rest])
    assert head.rows[10:].tolist() == rest[reserve].tolist()


def test_the_audit_share_is_spread_evenly() -> None:
    head = head_of(pool_of(200), queue_size=100, exploration=0.1)
    assert np.flatnonzero(head.audit).tolist() == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]


@pytest.mark.parametrize(
    ("size", "share", "audits"), [(100, 0.0, 0), (100, 1.0, 100), (7, 0.1, 1), (3, 0.1, 0), (3, 0.5, 2)]
)
def test_the_audit_share_is_rounded(size: int, share: float, audits: int) -> None:
    head = head_of(pool_of(150), queue_size=size, exploration=share)
    assert int(head.audit.sum()) == audits
    assert len(head.rows) == size


def test_every_readable_candidate_is_audited_equally_often() -> None:
    pool, n = pool_of(20, unreadable=[4, 9]), 0
    counts = np.zeros(20)
    for seed in range(900):
        head = head_of(pool, seed=seed, cold=True, queue_size=5, exploration=0.4)
        counts[head.rows[head.audit]] += 1
        n += int(head.audit.sum())
    assert n == 1800
    assert counts[4] == counts[9] == 0
    drawn = np.delete(counts, [4, 9])
    assert stats.chisquare(drawn).pvalue > 0.001


def test_audits_do_not_depend_on_the_sampler() -> None:
    pool = pool_of(50)
    cold, warm = head_of(pool, cold=True, seed=3), head_of(pool, seed=3)
    assert cold.rows[cold.audit].tolist() == warm.rows[warm.audit].tolist()


def test_what_cannot_be_read_comes_last_and_only_where_there_is_room() -> None:
    pool = pool_of(10, unreadable=[0, 5])
    head = head_of(pool)
    assert head.rows[8:].tolist() == [0, 5]
    assert not head.audit[8:].any()
    assert set(head_of(pool, queue_size=8).rows.tolist()) == set(range(10)) - {0, 5}
    assert head_of(pool, queue_size=9).rows[8:].tolist() == [0]


def test_a_pool_that_cannot_be_read_at_all_is_served_by_id() -> None:
    head = head_of(pool_of(4, unreadable=[0, 1, 2, 3]), cold=True)
    assert head.rows.tolist() == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_head_and_another_one_another() -> None:
    pool = pool_of(80)
    assert head_of(pool, seed=1).rows.tolist() == head_of(pool, seed=1).rows.tolist()
    assert head_of(pool, seed=1).rows.tolist() != head_of(pool, seed=2).rows.tolist()


def test_doubts_of_candidates_reach_the_sampler_whatever_rows_are_left() -> None:
    pool, candidates = pool_of(40), np.array([3, 7, 8, 20, 21, 22, 35])
    sampler = IntelligentSampler("uncertainty", random_state=0, duplicate_threshold=0.0)
    doubt = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4])
    options = ProjectOptions(batch_size=2, exploration=0.0)
    best = Chooser(sampler, candidates, doubt).best(pool, np.delete(candidates, 3), 4, options)
    assert best.tolist() == [7, 22, 35, 21]


def test_predictions_rank_from_zero_upwards_and_carry_the_results() -> None:
    results = [chosen("conflict"), [], chosen("money")]
    made = list(as_predictions(np.array([9, 2, 5]), results, "v1"))
    assert [p["task"] for p in made] == [9, 2, 5]
    assert [p["score"] for p in made] == [0, 1 / 3, 2 / 3]
    assert {p["model_version"] for p in made} == {"v1"}
    assert [p["result"] for p in made] == results


@pytest.mark.parametrize("n", [1, 2, 100, 1000])
def test_scores_are_strictly_increasing_from_zero_and_below_one(n: int) -> None:
    scores = [p["score"] for p in as_predictions(np.arange(n), [[]] * n, "v1")]
    assert scores[0] == 0
    assert all(a < b for a, b in itertools.pairwise(scores))
    assert scores[-1] < 1


def test_of_tasks_of_one_group_a_batch_holds_the_one_most_in_doubt() -> None:
    """Ten tasks in three groups, one more in doubt than the other: three lead, one of each group."""
    pool, rows = pool_of(10), np.arange(10)
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    sampler = IntelligentSampler("uncertainty", random_state=0, duplicate_threshold=0)
    chooser = Chooser(sampler, rows, np.linspace(1, 0, 10), groups)
    options = ProjectOptions(batch_size=4)
    assert chooser.best(pool, rows, 3, options).tolist() == [0, 4, 8]
    assert chooser.best(pool, rows, 4, options).tolist() == [0, 4, 8, 1], "then the rest, by doubt"
    assert sorted(chooser.best(pool, rows, 10, options).tolist()) == list(range(10))
    assert chooser.best(pool, rows[2:8], 2, options).tolist() == [2, 4], "rows of a part keep their groups"
