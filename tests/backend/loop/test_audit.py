"""The audit share over a project's life: what is drawn stays drawn, and comes often enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backend.learning.accuracy import Accuracy, accuracy_now
from backend.learning.vectorize import Features
from backend.loop.audit import REMEMBERED, audited_head, labels_until_audit, remembered_draws, were_drawn
from backend.loop.options import ProjectOptions
from backend.loop.priorities import Chooser
from backend.store.features import PoolFeatures
from backend.store.models import Published
from clean_al import IntelligentSampler

TENTH = ProjectOptions(exploration=0.1)


def served(**given: Any) -> Published:
    return Published("v", 1, "print", given.pop("head", ()), True, **given)


def ids(*task_ids: int) -> np.ndarray:
    return np.array(task_ids, dtype=np.int64)


def pool_of(n: int, seed: int = 5) -> PoolFeatures:
    X = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    task_ids = np.arange(100, 100 + n)
    return PoolFeatures(task_ids, np.zeros(n), Features(X, X, np.ones(n, dtype=bool)), None)  # type: ignore[arg-type]


def head_of(
    pool: PoolFeatures,
    options: ProjectOptions,
    published: Published | None = None,
    labeled: np.ndarray | None = None,
    strategy: str = "random",
) -> tuple[list[int], list[int]]:
    """Return the head's task ids and those of its audit places."""
    known = ids() if labeled is None else labeled
    candidates = np.setdiff1d(pool.task_ids, known)
    chooser = Chooser(IntelligentSampler(strategy, random_state=0), pool.rows_of(candidates))
    head = audited_head(chooser, pool, candidates, known, options, np.random.default_rng(7), published)
    return candidates[head.rows].tolist(), candidates[head.rows[head.audit]].tolist()


class TestWhenTheNextAuditIsDue:
    def test_the_first_one_stands_in_the_middle_of_the_first_stretch(self) -> None:
        assert labels_until_audit(None, ids(), TENTH) == 5

    @pytest.mark.parametrize(
        ("labeled", "due"),
        [
            ([], 5),
            ([1, 2], 3),
            ([1, 2, 3, 4, 5], 0),
            ([1, 2, 3, 4, 5, 6], -1),
            ([1, 2, 3, 4, 5, 90], 9),
            ([90, 91], 23),
        ],
    )
    def test_labels_bring_it_nearer_and_an_audit_label_puts_it_off(
        self, labeled: list[int], due: float
    ) -> None:
        before = served(audit=(90, 91), audit_due=5, labels=0)
        assert labels_until_audit(before, ids(*labeled), TENTH) == due

    def test_an_import_of_labels_is_not_made_up_for(self) -> None:
        before = served(audit=(90,), audit_due=5, labels=3)
        assert labels_until_audit(before, np.arange(80), TENTH) == -10

    def test_labels_that_were_deleted_do_not_count_backwards(self) -> None:
        assert labels_until_audit(served(audit_due=4.0, labels=30), ids(1), TENTH) == 4

    def test_without_a_share_it_never_comes(self) -> None:
        assert labels_until_audit(None, ids(), ProjectOptions(exploration=0)) is None


class TestAHead:
    def test_the_first_one_is_the_choosers_with_the_share_spread_evenly(self) -> None:
        pool = pool_of(150)
        head, audit = head_of(pool, TENTH)
        assert audit == [head[i] for i in (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)]
        drawn = np.random.default_rng(7).permutation(150)[:10]
        assert audit == (100 + drawn).tolist()
        sampler, rest = IntelligentSampler("random", random_state=0), np.setdiff1d(np.arange(150), drawn)
        best = Chooser(sampler, np.arange(150)).best(pool.features, rest, 90, TENTH)
        assert [task for task in head if task not in audit] == (100 + best).tolist()

    def test_what_was_drawn_and_has_no_label_comes_first_and_is_only_topped_up(self) -> None:
        pool = pool_of(150)
        before = served(drawn=(149, 100, 120), audit=(149, 100, 120), audit_due=2, labels=0)
        head, audit = head_of(pool, TENTH, before, ids(100))
        assert audit[:2] == [149, 120]
        assert len(set(audit)) == 10
        # One label, an audit: the next is due in 2 - 1 + 10 labels; ten places from there on are too many.
        assert [head.index(task) for task in audit] == [11, 21, 31, 41, 51, 61, 71, 81, 91, 99]

    def test_an_audit_that_is_overdue_comes_next(self) -> None:
        before = served(drawn=(149,), audit=(149,), audit_due=0, labels=0)
        head, audit = head_of(pool_of(150), TENTH, before, ids(100, 101))
        assert head[0] == audit[0] == 149
        assert head.index(audit[1]) == 10

    def test_a_draw_that_can_no_longer_be_read_gives_its_place_away(self) -> None:
        pool = pool_of(30)
        pool.features.readable[4] = False
        head, audit = head_of(pool, TENTH, served(drawn=(104, 120), audit=(104, 120), audit_due=1, labels=0))
        assert 104 not in audit
        assert audit[0] == 120
        assert head[-1] == 104

    @settings(max_examples=60, deadline=None)
    @given(
        n=st.integers(0, 60),
        queue_size=st.integers(1, 80),
        share=st.floats(0, 1),
        drawn=st.lists(st.integers(100, 160), max_size=30, unique=True),
        due=st.one_of(st.none(), st.floats(-10, 1e6)),
    )
    def test_it_holds_distinct_candidates_and_the_share_whatever_was_drawn(
        self, n: int, queue_size: int, share: float, drawn: list[int], due: float | None
    ) -> None:
        options = ProjectOptions(queue_size=queue_size, exploration=share)
        before = served(drawn=tuple(drawn), audit_due=due, labels=0)
        head, audit = head_of(pool_of(n), options, before)
        size = min(n, queue_size)
        assert len(head) == len(set(head)) == size
        assert len(audit) == round(size * share)
        waiting = [task for task in drawn if task < 100 + n]
        assert audit[: len(waiting)] == waiting[: len(audit)]


class TestTheRecord:
    def test_it_holds_what_was_labeled_and_what_waits(self) -> None:
        before = served(drawn=(7, 3, 9, 5))
        tasks = ids(1, 2, 3, 5, 7)  # 9 was deleted
        drawn = remembered_draws(before, tasks, candidates=ids(1, 2, 5), audit=ids(5, 2))
        assert drawn == (7, 3, 5, 2)
        assert were_drawn(served(drawn=drawn), ids(1, 3, 7)).tolist() == [False, True, True]

    def test_what_waits_without_a_place_is_no_draw_any_more(self) -> None:
        before = served(drawn=(7, 3))
        assert remembered_draws(before, ids(3, 7), candidates=ids(3), audit=ids()) == (7,)

    def test_a_label_from_before_the_draw_does_not_count(self) -> None:
        pool = pool_of(40)
        _, audit = head_of(pool, TENTH, labeled=np.arange(100, 120))
        assert set(audit).isdisjoint(range(100, 120))
        drawn = remembered_draws(None, pool.task_ids, np.arange(120, 140), np.array(audit))
        assert not were_drawn(served(drawn=drawn), np.arange(100, 120)).any()

    def test_it_has_an_end(self) -> None:
        many = np.arange(REMEMBERED + 50)
        drawn = remembered_draws(served(drawn=tuple(many.tolist())), many, ids(), ids())
        assert drawn == tuple(range(50, REMEMBERED + 50))


@dataclass
class Project:
    """A pool with an annotator, who labels from the front of each head.

    One who is `slow` still has a task of the head before open when a round ends, and labels that first.
    """

    pool: PoolFeatures
    truth: np.ndarray
    options: ProjectOptions = TENTH
    strategy: str = "uncertainty"
    seed: int = 0
    slow: bool = False
    opened: np.ndarray = field(default_factory=ids)
    labeled: np.ndarray = field(default_factory=ids)
    published: Published | None = None
    sampler: IntelligentSampler = field(init=False)

    def round(self, n_labels: int) -> None:
        """Learn, choose and serve; then the annotator gives so many labels."""
        self.learn()
        candidates = np.setdiff1d(self.pool.task_ids, self.labeled)
        rng = np.random.default_rng([self.seed, len(self.labeled)])
        arguments = (self.options, rng, self.published)
        chooser = Chooser(self.sampler, self.pool.rows_of(candidates))
        head = audited_head(chooser, self.pool, candidates, self.labeled, *arguments)
        audit = candidates[head.rows[head.audit]]
        self.published = served(
            audit=tuple(audit.tolist()),
            drawn=remembered_draws(self.published, self.pool.task_ids, candidates, audit),
            audit_due=labels_until_audit(self.published, self.labeled, self.options),
            labels=len(self.labeled),
        )
        queue = candidates[head.rows]
        queue = np.concatenate([self.opened, queue[~np.isin(queue, self.opened)]])
        self.opened = queue[n_labels : n_labels + self.slow]
        self.labeled = np.union1d(self.labeled, queue[:n_labels])

    def learn(self) -> None:
        self.sampler = IntelligentSampler(self.strategy, random_state=self.seed)
        if len(self.labeled):
            X, y = self.pool.features.X[self.labeled - 100], self.truth[self.labeled - 100]
            self.sampler.fit(X, y, embedding=X, uniform=were_drawn(self.published, self.labeled))

    def accuracy(self) -> Accuracy:
        self.learn()
        unlabeled = np.setdiff1d(self.pool.task_ids, self.labeled) - 100
        return accuracy_now(self.sampler, self.pool.features.X[unlabeled], Accuracy(), exploration=0.1)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("per_round", [1, 3, 10, 25, 50])
def test_every_tenth_label_is_an_audit_however_often_rounds_come(per_round: int, slow: bool) -> None:
    pool = pool_of(400)
    project = Project(pool, pool.features.X[:, 0] > 0, strategy="random", slow=slow)
    while len(project.labeled) < 150:
        project.round(per_round)
    assert were_drawn(project.published, project.labeled).sum() == 15


def test_few_tasks_are_ever_drawn_that_do_not_get_a_label_soon() -> None:
    pool = pool_of(300)
    project = Project(pool, pool.features.X[:, 0] > 0, strategy="random")
    for _ in range(60):
        project.round(1)
    assert project.published is not None
    assert len(project.published.drawn) == 6 + 10  # those with a label, and the head's


def test_the_sampler_has_no_part_in_which_draws_are_labeled() -> None:
    pool, n = pool_of(20), 600
    options = ProjectOptions(exploration=0.25, queue_size=8)
    counts = np.zeros(20)
    for seed in range(n):
        project = Project(pool, pool.features.X[:, 0] > 0, options, "uncertainty", seed)
        while not were_drawn(project.published, project.labeled).any():
            project.round(1)
        drawn = project.labeled[were_drawn(project.published, project.labeled)]
        counts[drawn - 100] += 1
    assert counts.sum() == n
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize(("per_round", "slow"), [(7, True), (20, False)])
def test_the_estimate_holds_the_true_accuracy_in_nine_of_ten_projects(per_round: int, slow: bool) -> None:
    inside, errors, naive = 0, [], []
    for seed in range(10):
        rng = np.random.default_rng([seed, 9])
        pool = pool_of(900, seed)
        noise = rng.normal(scale=0.8, size=900)
        truth = np.where(pool.features.X[:, 0] - 0.7 * pool.features.X[:, 1] + noise > 0, "yes", "no")
        project = Project(pool, truth, seed=seed, slow=slow)
        while len(project.labeled) < 340:
            project.round(per_round)
        found = project.accuracy()
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert 30 <= found.audit_labels <= 36
        true = (project.sampler.predict(pool.features.X) == truth).mean()
        inside += found.low <= true <= found.high
        errors.append(found.value - true)
        chosen = project.labeled - 100
        naive.append((project.sampler.predict(pool.features.X[chosen]) == truth[chosen]).mean() - true)
    assert inside >= 8
    assert abs(np.mean(errors)) < 0.03
    assert np.mean(naive) < -0.05, "the labels themselves are hard ones, or this shows nothing"
