"""When accuracy is known, what is said while it is not, and when it is estimated anew."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from backend.learning.accuracy import Accuracy, accuracy_now, confidences, read_accuracy
from backend.learning.answers import Answer
from backend.learning.learned import OneOf, SetOf
from clean_al import IntelligentSampler
from clean_al.accuracy import pool_confidence
from tests.backend.learning.lessons import how, planted

X = np.random.default_rng(3).normal(size=(1000, 3)).astype(np.float32)
Y = np.where(X[:, 0] + np.random.default_rng(4).normal(scale=0.5, size=1000) > 0, "yes", "no")
KNOWN = Accuracy(
    0.9,
    0.85,
    0.95,
    audit_labels=30,
    at_labels=300,
    at_tasks=1000,
    unknown_because=None,
    slope=1.0,
    intercept=0.0,
)


def fitted(n: int, n_uniform: int, estimator: Any = None) -> tuple[IntelligentSampler, np.ndarray]:
    """Return a sampler with n labels, of which the first ones count as drawn, and the other items."""
    sampler = IntelligentSampler(estimator=estimator, random_state=0)
    return sampler.fit(X[:n], Y[:n], uniform=np.arange(n) < n_uniform), X[n:]


def now(n: int, n_uniform: int, last: Accuracy | None = None, **given: Any) -> Accuracy:
    sampler, rest = fitted(n, n_uniform, given.pop("estimator", None))
    return accuracy_now(sampler, rest, last or Accuracy(), **{"exploration": 0.1} | given)


@pytest.mark.parametrize(
    ("n_uniform", "exploration", "said"),
    [
        (0, 0.1, "0 of 30 audit labels, about 300 more labels to give"),
        (12, 0.1, "12 of 30 audit labels, about 180 more labels to give"),
        (29, 0.3, "29 of 30 audit labels, about 4 more labels to give"),
        (
            5,
            0.0,
            "5 of 30 audit labels, and none will come: set the project's option exploration above 0",
        ),
    ],
)
def test_with_few_audit_labels_it_says_what_is_missing_and_gives_an_early_estimate(
    n_uniform: int, exploration: float, said: str
) -> None:
    found = now(200, n_uniform, exploration=exploration)
    assert found.unknown_because == said
    assert (found.value, found.low, found.high, found.audit_labels) == (None, None, None, n_uniform)
    sampler, rest = fitted(200, n_uniform)
    estimate = sampler.estimate_accuracy(rest, confidence=0.9)
    assert (found.early, found.early_low, found.early_high) == (float(estimate), estimate.low, estimate.high)
    assert str(found) == (
        f"early, biased: {found.early:.0%} ({found.early_low:.0%} to {found.early_high:.0%}; of 200 labels); "
        f"{said}"
    )
    assert found.short == f"early {found.early:.0%} ({found.early_low:.0%}-{found.early_high:.0%})"


def test_of_very_few_labels_no_number_is_given() -> None:
    found = now(39, 3)
    assert str(found) == "not known yet: 3 of 30 audit labels, about 270 more labels to give"
    assert (found.early, found.short) == (None, "-")
    assert now(40, 3).early is not None


def test_a_project_with_few_tasks_left_is_not_asked_for_more_than_there_are() -> None:
    sampler, _ = fitted(200, 10)
    left, none = X[200:260], X[:0]
    found = accuracy_now(sampler, left, Accuracy(), exploration=0.1)
    assert found.unknown_because == "10 of 30 audit labels; too few for more, with 60 tasks left"
    found = accuracy_now(sampler, none, Accuracy(), exploration=0.1)
    assert found.unknown_because == "10 of 30 audit labels; no task is left to label"
    assert found.early is not None


def test_an_estimate_that_rests_on_too_few_is_withdrawn() -> None:
    found = now(298, 28, KNOWN)
    assert found.value is None
    assert found.unknown_because == "28 of 30 audit labels, about 20 more labels to give"


def test_without_a_label_it_is_not_known() -> None:
    sampler = IntelligentSampler()
    assert accuracy_now(sampler, X, Accuracy(), exploration=0.1).unknown_because is not None


def test_from_thirty_audit_labels_on_it_is_that_of_the_sampler() -> None:
    sampler, rest = fitted(300, 30)
    truth = sampler.estimate_accuracy(rest, confidence=0.9)
    found = accuracy_now(sampler, rest, Accuracy(), exploration=0.1)
    assert (found.value, found.low, found.high) == (float(truth), truth.low, truth.high)
    assert (found.audit_labels, found.at_labels, found.at_tasks) == (30, 300, 1000)
    assert found.low < (sampler.predict(X) == Y).mean() < found.high


@pytest.mark.parametrize(
    ("n", "at_labels", "at_tasks", "stands"),
    [
        (300, 300, 1000, True),
        (329, 300, 1000, True),
        (330, 300, 1000, False),
        (300, 333, 1000, True),
        (300, 334, 1000, False),
        (300, 300, 900, False),
        (300, 300, 1200, False),
    ],
)
def test_it_is_estimated_anew_when_labels_or_tasks_are_a_tenth_more_or_fewer(
    n: int, at_labels: int, at_tasks: int, stands: bool
) -> None:
    last = replace(KNOWN, at_labels=at_labels, at_tasks=at_tasks)
    found = now(n, 31, last)
    assert found.audit_labels == 31
    assert (found == replace(last, audit_labels=31)) == stands
    assert found.at_labels == (at_labels if stands else n)
    assert now(n, 31, last, anew=True).at_labels == n


class OnlyForMany(LogisticRegression):
    """Fails when it is given a part of the labels."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        if len(y) < 300:
            raise RuntimeError("too few for me")
        return super().fit(X, y, sample_weight)


def test_an_estimator_that_fails_on_a_part_of_the_labels_is_named_and_stops_nothing() -> None:
    found = now(300, 30, estimator=OnlyForMany())
    assert str(found).startswith(
        "not known yet: the estimator failed on a part of the labels: RuntimeError in "
    )
    # Its words may quote a task.
    assert "too few for me" not in str(found)


def test_in_words_it_gives_the_interval_and_what_it_rests_on() -> None:
    assert str(KNOWN) == (
        "90.0% (85.0% to 95.0% at 90% confidence; estimated at 300 labels, 30 audit labels now)"
    )
    assert KNOWN.short == "90% (85%-95%)"


@pytest.mark.parametrize("accuracy", [KNOWN, Accuracy(), Accuracy(audit_labels=4, unknown_because="x")])
def test_it_comes_back_from_a_stored_report(accuracy: Accuracy) -> None:
    stored = json.loads(json.dumps({"accuracy": asdict(accuracy)}))
    assert read_accuracy(stored) == accuracy
    stored["accuracy"]["of a later version"] = 1
    assert read_accuracy(stored) == accuracy


def test_a_report_from_before_there_were_estimates_says_not_known() -> None:
    assert str(read_accuracy({"labels": 400})) == "not known yet: 0 of 30 audit labels"


SETS = (frozenset("a"), frozenset("b"), frozenset("ab"))


@pytest.mark.parametrize(("kind", "answers"), [(OneOf, ("a", "b", "c")), (SetOf, SETS)])
def test_the_confidence_that_a_round_has_asked_for_is_that_of_the_estimate(
    kind: type[OneOf] | type[SetOf], answers: tuple[Answer, ...]
) -> None:
    tasks, given = planted(answers, 60)
    learned = kind.learned(tasks.rows(np.arange(20)), given[:20], how(20))
    assert not isinstance(learned, str)
    left = tasks.rows(np.arange(20, 60))
    assert confidences(learned, left.ids, left.features.X) is None
    # Asked of in another order, and not of all: a task that is finished without a label is no candidate.
    learned.doubt(left.rows(np.random.default_rng(0).permutation(40)[:35]))
    found = confidences(learned, left.ids, left.features.X)
    assert found is not None
    assert learned.sampler is not None
    np.testing.assert_allclose(found, pool_confidence(learned.sampler.model_, left.features.X), rtol=1e-5)
