"""Held-out probabilities: worked out once for all folds and questions, and the same as fold by fold."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold

from clean_al.held_out import held_out_probabilities
from clean_al.labeled import Labeled
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from clean_al.multilabel import PerLabelClassifier


def rows(n: int) -> sparse.csr_matrix:
    sketch = np.random.default_rng(0).normal(size=(n, 3))
    words = sparse.random(n, 2000, 0.02, format="csr", random_state=0)
    return sparse.hstack([sparse.csr_matrix(sketch), words], format="csr")


def labeled(X: sparse.csr_matrix, y: np.ndarray) -> Labeled:
    return Labeled(X, y, None, np.ones(X.shape[0], bool))


# Two ways to the same minimum differ by how near to it they stop.
class Sketched(SketchedLogisticRegression):
    def fit(self, X, y, sample_weight=None):
        self.tol = 1e-9
        return super().fit(X, y, sample_weight)


class Plain(SparseLogisticRegression):
    def fit(self, X, y, sample_weight=None):
        self.tol = 1e-9
        return super().fit(X, y, sample_weight)


MODELS = [Sketched(3, max_iter=5000), Plain(max_iter=5000)]


# At 400 labels a fold is fitted on 360, and the sketch shortened; from 1,000 on there are five folds.
@pytest.mark.parametrize("n", [90, 250, 400, 1000])
@pytest.mark.parametrize("model", MODELS)
def test_of_one_label_an_item_they_are_those_of_a_fit_on_each_fold(n, model):
    X = rows(n)
    y = np.argmax(X[:, :3].toarray(), axis=1)
    table = np.zeros((n, 3))
    for train, test in StratifiedKFold(5 if n >= 1000 else 10, shuffle=True, random_state=0).split(X, y):
        table[test] = clone(model).fit(X[train], y[train]).predict_proba(X[test])
    np.testing.assert_allclose(held_out_probabilities(model, labeled(X, y)), table, atol=1e-4)


@pytest.mark.parametrize("n", [90, 400])
@pytest.mark.parametrize("model", MODELS)
def test_of_sets_of_labels_they_are_those_of_a_fit_on_each_fold(n, model):
    X = rows(n)
    # The last label is on none of the items.
    y = np.column_stack([X[:, :3].toarray() > 0, np.zeros((n, 1))]).astype(int)
    table = np.zeros((n, 4))
    for train, test in KFold(5 if n >= 1000 else 10, shuffle=True, random_state=0).split(X):
        table[test] = PerLabelClassifier(model).fit(X[train], y[train]).predict_proba(X[test])
    found = held_out_probabilities(PerLabelClassifier(model), labeled(X, y))
    np.testing.assert_allclose(found, table, atol=1e-4)


def test_questions_about_the_same_items_share_what_the_rows_decide_and_find_what_each_alone_does():
    X, model = rows(250), SketchedLogisticRegression(3)
    first, stars = X[:, 0].toarray()[:, 0] > 0, np.argmax(X[:, :3].toarray(), axis=1)
    alone = [held_out_probabilities(model, labeled(X, y)) for y in (first, stars)]
    one, other = labeled(X, first), labeled(X.copy(), stars)
    other.share_rows(one)
    together = [held_out_probabilities(model, both) for both in (one, other)]
    assert one.row_memory is other.row_memory
    assert len(one.row_memory) == 1
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_either_knew_of_the_rows_is_kept_for_both():
    X = rows(250)
    one, other = labeled(X, X[:, 0].toarray()[:, 0] > 0), labeled(X, X[:, 1].toarray()[:, 0] > 0)
    held_out_probabilities(SketchedLogisticRegression(3), other)
    known = dict(other.row_memory)
    assert known
    other.share_rows(one)
    assert one.row_memory is other.row_memory
    assert all(one.row_memory[wanted] is places for wanted, places in known.items())


def test_labels_of_other_rows_cannot_be_shared():
    X = rows(20)
    with pytest.raises(ValueError, match="fit both on the same X"):
        labeled(X, np.zeros(20)).share_rows(labeled(2 * X, np.zeros(20)))
    with pytest.raises(ValueError, match="fit both on the same X"):
        labeled(X, np.zeros(20)).share_rows(labeled(X[:10], np.zeros(10)))
