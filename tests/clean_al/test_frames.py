"""Data frames: columns keep their names, and what is no number reaches the user's own classifier."""

from importlib import import_module

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB

from clean_al import IntelligentSampler, LabelingSession, QueryByCommittee, compare_strategies
from clean_al.columns import Columns

X, Y = make_classification(240, 4, n_informative=3, n_redundant=0, random_state=1)
TOWN = np.where(X[:, 0] > 0, "Oslo", "Bern").astype(object)


class Table:
    """A data frame, as far as names, kinds, columns and rows go."""

    def __init__(self, data):
        self.data = {name: np.asarray(values) for name, values in data.items()}
        self.columns = list(self.data)
        self.dtypes = [column.dtype for column in self.data.values()]
        self.shape = (len(next(iter(self.data.values()))), len(self.data))

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        if isinstance(key, str):
            return self.data[key]
        return Table({name: column[key] for name, column in self.data.items()})

    def astype(self, dtypes):
        return Table({n: c.astype(dtypes[n]) if n in dtypes else c for n, c in self.data.items()})


def frame(kind):
    """What makes a frame of the kind from columns."""
    return Table if kind == "own" else pytest.importorskip(kind, reason=f"{kind} is not installed").DataFrame


KINDS = ["own", "pandas", "polars"]


class ByName(ClassifierMixin, BaseEstimator):
    """Reads its columns by name: the town, and b; anything else than such a frame is refused."""

    def fit(self, X, y):
        self.towns_ = sorted({str(town) for town in self._towns(X)})
        self.inner_ = GaussianNB().fit(self._coded(X), y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(self._coded(X))

    def predict_proba(self, X):
        return self.inner_.predict_proba(self._coded(X))

    def _towns(self, X):
        return np.asarray(X["town"]).tolist()

    def _coded(self, X):
        towns = [[str(town) == known for known in self.towns_] for town in self._towns(X)]
        return np.column_stack([np.asarray(X["b"]), np.array(towns, float)])


def mixed(kind, rows=slice(None)):
    return frame(kind)({"a": X[rows, 0], "b": X[rows, 1], "town": TOWN[rows].tolist()})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", ["auto", "badge", "committee", "expected_model_change", "contrastive"])
def test_strings_reach_the_classifier_and_distances_come_from_the_embedding(kind, strategy):
    sampler = IntelligentSampler(strategy, estimator=ByName(), random_state=0)
    sampler.fit(mixed(kind, slice(0, 60)), Y[:60], embedding=X[:60])
    rows = sampler.select(mixed(kind, slice(60, 240)), 8, embedding=X[60:])
    assert len(set(rows.tolist())) == 8
    plain = ByName().fit(mixed(kind, slice(0, 60)), Y[:60])
    if strategy != "committee":
        np.testing.assert_array_equal(sampler.predict(mixed(kind)), plain.predict(mixed(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_most_unsure_row_is_that_of_the_classifier_on_the_frame(kind):
    sampler = IntelligentSampler("uncertainty", estimator=ByName(), duplicate_threshold=0, random_state=0)
    sampler.fit(mixed(kind, slice(0, 60)), Y[:60], embedding=X[:60])
    p = ByName().fit(mixed(kind, slice(0, 60)), Y[:60]).predict_proba(mixed(kind, slice(60, 240)))
    rows = sampler.select(mixed(kind, slice(60, 240)), 3, embedding=X[60:])
    np.testing.assert_allclose(np.sort(np.abs(p[:, 0] - 0.5))[:3], np.abs(p[rows, 0] - 0.5))


@pytest.mark.parametrize("kind", KINDS)
def test_updates_may_bring_values_never_seen_and_columns_in_another_order(kind):
    sampler = IntelligentSampler(estimator=ByName(), random_state=0)
    sampler.fit(mixed(kind, slice(0, 40)), Y[:40], embedding=X[:40])
    new = frame(kind)({"town": ["Rome"] * 20, "b": X[40:60, 1], "a": X[40:60, 0]})
    sampler.update(new, Y[40:60], embedding=X[40:60])
    assert sampler.model_.estimator_.towns_ == ["Bern", "Oslo", "Rome"]
    np.testing.assert_allclose(sampler.labeled_.X[40:, 0], X[40:60, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_estimates_committees_and_comparisons_keep_the_frame(kind):
    session = LabelingSession(
        IntelligentSampler(estimator=ByName(), random_state=0), mixed(kind), embedding=X
    )
    for _ in range(3):
        rows = session.get_next_batch(15)
        session.submit_labels(rows, Y[rows])
    assert 0 < session.estimated_accuracy <= 1
    committee = QueryByCommittee(3, ByName(), random_state=0)
    committee.fit(mixed(kind, slice(0, 60)), Y[:60], embedding=X[:60])
    assert np.isfinite(committee.get_disagreement_scores(mixed(kind))).all()
    curves = compare_strategies(
        mixed(kind, slice(0, 160)),
        Y[:160],
        mixed(kind, slice(160, 240)),
        Y[160:],
        ["auto", "random"],
        3,
        15,
        n_seeds=1,
        estimator=ByName(),
        embedding=X[:160],
    )
    assert curves.accuracy["auto"][0, -1] > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_of_numbers_is_an_array_to_the_built_in_classifiers(kind):
    table = frame(kind)({name: X[:, i] for i, name in enumerate("abcd")})
    sampler = IntelligentSampler(random_state=0).fit(table[:40], Y[:40])
    plain = IntelligentSampler(random_state=0).fit(X[:40], Y[:40])
    np.testing.assert_array_equal(sampler.select(table, 7), plain.select(X, 7))
    np.testing.assert_array_equal(sampler.predict(table), plain.predict(X))


def test_a_column_comes_back_as_it_was():
    table = Table(
        {
            "whole": np.array([1, 2, 3]),
            "big": np.array([2**53 + 1, 5, 6]),
            "half": np.array([0.5, np.nan, 1.5], np.float32),
            "town": np.array(["Oslo", None, "Bern"], object),
        }
    )
    columns = Columns(table)
    back = columns.frame(columns.array(table))
    assert back["whole"].dtype == table["whole"].dtype
    assert back["big"].tolist() == [2**53 + 1, 5, 6]  # a float would round it: it is kept by its value
    np.testing.assert_array_equal(back["half"], table["half"])
    assert back["town"].tolist() == ["Oslo", None, "Bern"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda s: s.fit(mixed("own"), Y, embedding=X),
            r"columns that hold no numbers \('town'\).*estimator",
        ),
        (lambda s: s.set_params(estimator=ByName()).fit(mixed("own"), Y), r"\('town'\).*embedding"),
        (
            lambda s: (
                s.set_params(estimator=ByName())
                .fit(mixed("own"), Y, embedding=X)
                .select(Table({"a": X[:, 0], "b": X[:, 1]}), 2, embedding=X)
            ),
            r"X lacks the columns 'town': fit had 'a', 'b', 'town'",
        ),
        (
            lambda s: s.fit(Table({"a": X[:, 0]}), Y).select(Table({"a": TOWN}), 2),
            "column 'a' of X must hold numbers",
        ),
        (lambda s: LabelingSession(s, mixed("own")).get_next_batch(3), r"\('town'\)"),
    ],
)
def test_columns_that_nobody_can_read_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(IntelligentSampler(random_state=0))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_column_transformer_finds_its_columns(kind):
    compose = import_module("sklearn.compose")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = compose.make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town"]), remainder="passthrough"
    )
    make = frame(kind)
    sampler = IntelligentSampler(estimator=make_pipeline(encode, LogisticRegression()), random_state=0)
    table = mixed(kind)
    sampler.fit(table[:60], Y[:60], embedding=X[:60])
    assert len(sampler.select(table[60:], 5, embedding=X[60:])) == 5
    assert isinstance(table, make)
