"""Classifiers with wishes of their own: numbered labels, more labels than there are, gaps in X."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from clean_al import (
    STRATEGIES,
    ExpectedModelChange,
    IntelligentSampler,
    LabelingSession,
    QueryByCommittee,
    compare_strategies,
)

X, CODES = make_classification(320, 6, n_informative=4, n_classes=3, random_state=4)
NAMES = np.array(["cat", "dog", "eel"])[CODES]
NEEDS_A_MODEL = sorted(
    name for name, strategy in STRATEGIES.items() if strategy.needs_model or name == "auto"
)


class Numbered(ClassifierMixin, BaseEstimator):
    """Refuses labels other than 0 to k-1, and knows its classes by their number alone."""

    def fit(self, X, y):
        y = np.asarray(y)
        if y.dtype.kind not in "iu" or sorted(set(y.tolist())) != list(range(y.max() + 1)):
            raise ValueError(f"Invalid classes: expected 0 to k-1, got {sorted(set(y.tolist()))}")
        self.inner_ = GaussianNB().fit(X, y)
        self.n_classes_ = y.max() + 1
        return self

    def predict(self, X):
        return self.inner_.predict(X)[:, None]  # a column, as some do

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


@pytest.mark.parametrize("labels", [NAMES, CODES * 10 - 3, CODES.astype(float), NAMES.astype(object)])
@pytest.mark.parametrize("name", NEEDS_A_MODEL)
def test_any_labels_reach_a_classifier_that_wants_numbers(name, labels):
    sampler = IntelligentSampler(name, estimator=Numbered(), random_state=0).fit(X[:60], labels[:60])
    named = IntelligentSampler(name, estimator=GaussianNB(), random_state=0).fit(X[:60], labels[:60])
    np.testing.assert_array_equal(sampler.select(X[60:], 6), named.select(X[60:], 6))
    np.testing.assert_array_equal(sampler.predict(X), named.predict(X))


def test_a_class_that_is_not_seen_yet_leaves_a_gap_in_the_numbers():
    session = LabelingSession(IntelligentSampler(estimator=Numbered(), random_state=0), X)
    rows = session.get_next_batch(40)
    session.submit_labels(rows[CODES[rows] != 1], CODES[rows[CODES[rows] != 1]])
    rows = session.get_next_batch(40)
    session.submit_labels(rows, CODES[rows])
    assert session.sampler.classes_.tolist() == [0, 1, 2]
    assert session.estimated_accuracy > 1 / 3  # three classes


def test_folds_and_bootstraps_may_miss_a_class():
    labels = NAMES[:60].copy()
    labels[7] = "fox"  # one of its kind: no fold and few bootstraps train on it
    committee = QueryByCommittee(5, Numbered(), random_state=0).fit(X[:60], labels)
    assert committee.select(X[60:], 5).shape == (5,)
    assert np.isfinite(committee.get_disagreement_scores(X[60:])).all()
    sampler = IntelligentSampler(estimator=Numbered(), random_state=0).fit(X[:60], labels)
    assert 0 < sampler.estimate_accuracy(X[60:]) < 1


def test_savings_and_comparisons_number_the_labels_too():
    sampler = IntelligentSampler(estimator=Numbered(), random_state=0)
    sampler.fit(X[:80], NAMES[:80], uniform=np.arange(80) < 40)
    assert sampler.label_savings(0.5) is not None
    curves = compare_strategies(
        X[:200], NAMES[:200], X[200:], NAMES[200:], ["auto", "random"], 3, 20, n_seeds=1, estimator=Numbered()
    )
    assert curves.accuracy["auto"][0, -1] > 0.4


FEW = np.r_[np.flatnonzero(CODES == 0)[:2], np.flatnonzero(CODES == 1)[:2]]
WAITING = {
    "k_neighbors": "k_neighbors",
    "more neighbors": KNeighborsClassifier(30),
    "calibrated": CalibratedClassifierCV(LinearSVC()),
    "grid": GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, cv=5),
    "pipeline": make_pipeline(SimpleImputer(), CalibratedClassifierCV(LinearSVC(), cv=3)),
}


@pytest.mark.parametrize("estimator", WAITING.values(), ids=WAITING)
def test_a_classifier_that_needs_more_labels_waits_for_them(estimator):
    sampler = IntelligentSampler(estimator=estimator, random_state=0).fit(X[FEW], NAMES[FEW])
    assert sampler.model_ is None
    assert "cannot learn from 4 labels yet" in sampler.why_no_model_
    cold = IntelligentSampler("typiclust", random_state=0).fit(X[FEW], NAMES[FEW])
    np.testing.assert_array_equal(sampler.select(X[50:], 5), cold.select(X[50:], 5))
    with pytest.raises(ValueError, match=r"no model yet: .* cannot learn from 4 labels yet"):
        sampler.predict(X[:2])
    assert np.isnan(sampler.estimate_accuracy())
    sampler.update(X[100:200], NAMES[100:200])
    assert sampler.why_no_model_ is None
    assert np.mean(sampler.predict(X[200:]) == NAMES[200:]) > 0.4


@pytest.mark.parametrize("sampler", [QueryByCommittee, ExpectedModelChange])
def test_other_samplers_wait_too(sampler):
    waiting = sampler(random_state=0).set_params(
        **{next(k for k in ("base_estimator", "model") if k in sampler().get_params()): "k_neighbors"}
    )
    assert len(set(waiting.fit(X[FEW], NAMES[FEW]).select(X[50:], 5).tolist())) == 5
    assert "KNeighborsClassifier" in waiting.why_no_model_


def test_a_session_goes_on_while_its_classifier_waits():
    sampler = IntelligentSampler(estimator=CalibratedClassifierCV(LinearSVC()), random_state=0)
    session = LabelingSession(sampler, X)
    for _ in range(5):
        rows = session.get_next_batch(8)
        session.submit_labels(rows, NAMES[rows])
    assert sampler.model_ is not None
    curves = compare_strategies(
        X[:200], NAMES[:200], X[200:], NAMES[200:], ["auto"], 5, 8, n_seeds=1, estimator=sampler.estimator
    )
    assert np.isfinite(curves.accuracy["auto"]).all()


def test_a_rare_label_of_many_is_its_share_until_there_are_enough():
    Y = np.column_stack([CODES == 0, CODES == 1, np.arange(len(X)) == 3]).astype(int)
    sampler = IntelligentSampler(estimator=CalibratedClassifierCV(LinearSVC()), random_state=0)
    sampler.fit(X[:60], Y[:60])
    assert sampler.model_.predict_proba(X[:1])[0, 2] == pytest.approx(1 / 60)
    assert len(set(sampler.select(X[60:], 5).tolist())) == 5


class Broken(GaussianNB):
    """Fails whatever it is given."""

    def fit(self, X, y, sample_weight=None):
        raise RuntimeError("no license found")


def test_what_is_wrong_with_a_classifier_itself_is_raised_as_it_is():
    with pytest.raises(RuntimeError, match="no license found"):
        IntelligentSampler(estimator=Broken()).fit(X[:60], NAMES[:60])
    with pytest.raises(ValueError, match="must be a float in the range"):
        IntelligentSampler(estimator=LogisticRegression(C=-1.0)).fit(X[:60], NAMES[:60])


HOLES = np.where(X > 1.5, np.nan, X)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_gaps_reach_a_classifier_that_takes_them(name):
    sampler = IntelligentSampler(
        name, estimator=make_pipeline(SimpleImputer(), LogisticRegression()), random_state=0
    )
    sampler.fit(HOLES[:60], NAMES[:60], embedding=X[:60])
    assert len(set(sampler.select(HOLES[60:], 5, embedding=X[60:]).tolist())) == 5
    assert sampler.predict(HOLES).shape == (320,)


def test_gaps_in_sessions_and_estimates():
    sampler = IntelligentSampler(
        estimator=HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3), random_state=0
    )
    session = LabelingSession(sampler, HOLES, embedding=X)
    for _ in range(3):
        rows = session.get_next_batch(20)
        session.submit_labels(rows, NAMES[rows])
    assert 0 < session.estimated_accuracy < 1


def test_batches_with_gaps_remember_what_was_drawn_uniformly():
    sampler = IntelligentSampler(
        estimator=HistGradientBoostingClassifier(max_iter=5), exploration_weight=0.5, random_state=0
    )
    rows = sampler.select(HOLES, 20, embedding=X)
    sampler.update(HOLES[rows], NAMES[rows], embedding=X[rows])
    assert sampler.labeled_.uniform.sum() == 10


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.fit(HOLES, NAMES), "X contains NaN.*finite embedding"),
        (lambda s: s.fit(HOLES, NAMES, embedding=HOLES), "embedding contains NaN"),
        (lambda s: s.fit(np.where(X > 2, np.inf, X), NAMES, embedding=X), "X contains infinity"),
        (lambda s: s.fit(HOLES, NAMES, embedding=X), "NaN"),  # logistic regression's own word
    ],
)
def test_gaps_where_nobody_takes_them_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(IntelligentSampler(random_state=0))
