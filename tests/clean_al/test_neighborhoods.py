"""Directions in which neighbors are alike: found without labels, leaned on by the learner for texts."""

import copy

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from clean_al import TextRepresentation
from clean_al.held_out import held_out_probabilities
from clean_al.labeled import Labeled
from clean_al.learners import SketchedLogisticRegression
from clean_al.multilabel import PerLabelClassifier
from clean_al.neighborhoods import MOST_ROWS, NEIGHBORS, RIDGE, Neighborhoods


def pool(n=90, d=5, n_words=200):
    """Dense columns, rare words, and dense columns again, as texts with an encoder have them."""
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=n)
    centers = 3 * rng.normal(size=(3, d))
    dense = centers[kind] + rng.normal(size=(n, d))
    words = sparse.random(n, n_words, 0.05, format="csr", random_state=0)
    X = sparse.hstack([sparse.csr_matrix(dense[:, :2]), words, sparse.csr_matrix(dense[:, 2:])], format="csr")
    return X.astype(np.float32), dense, kind


def plainly(D, strength):
    """The formula of the docstring, item by item."""
    n = len(D)
    unit = D / np.linalg.norm(D, axis=1, keepdims=True)
    joined = np.zeros((n, n))
    for i in range(n):
        others = sorted(set(range(n)) - {i}, key=lambda j: -unit[i] @ unit[j])
        for j in others[:NEIGHBORS]:
            joined[i, j] = joined[j, i] = 1
    degree = joined.sum(axis=1)
    laplacian = np.eye(n) - joined / np.sqrt(np.outer(degree, degree))
    S = D.T @ D
    S += RIDGE * np.trace(S) / len(S) * np.eye(len(S))
    M = np.linalg.solve(S + strength * D.T @ laplacian @ D, S)
    return M * np.linalg.norm(D) / np.linalg.norm(D @ M)


@pytest.mark.parametrize(("n_labels", "strength"), [(2, 4.0), (9, 2.0), (90, 0.2)])
def test_dense_columns_are_turned_by_the_formula_and_words_stay(n_labels, strength):
    X, dense, _ = pool()
    near = Neighborhoods.of(X)
    assert near.columns.tolist() == [0, 1, 202, 203, 204]
    turned = near.turned(X, n_labels)
    assert turned.format == "csr"
    assert turned.dtype == X.dtype
    wanted = dense @ plainly(dense, strength)
    np.testing.assert_allclose(turned[:, near.columns].toarray(), wanted, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(turned[:, 2:202].toarray(), X[:, 2:202].toarray())
    np.testing.assert_allclose(near.turned(X.toarray(), n_labels), turned.toarray(), atol=1e-4)


def test_a_direction_in_which_neighbors_differ_becomes_shorter_than_one_they_share():
    rng = np.random.default_rng(0)
    place = np.repeat([-1.0, 1.0], 50)
    # Two groups along the first column; the second, as wide, tells nobody's neighbors.
    X = np.column_stack([5 * place, *rng.normal(size=(2, 100))])
    before, after = X.std(axis=0), Neighborhoods.of(X).turned(X, 5).std(axis=0)
    assert after[0] >= 0.99 * before[0]
    assert (after[1:] < 0.6 * before[1:]).all()


def test_what_cannot_be_read_has_no_part_in_it():
    X, _, _ = pool()
    # As many rows of zeros as leave the columns on most rows.
    with_gaps = sparse.vstack([X, sparse.csr_matrix((40, X.shape[1]), dtype=X.dtype)], format="csr")
    a, b = Neighborhoods.of(X), Neighborhoods.of(with_gaps)
    np.testing.assert_allclose(a.turned(X, 9).toarray(), b.turned(X, 9).toarray(), atol=1e-5)
    assert not b.turned(with_gaps, 9)[90:].nnz


@pytest.mark.parametrize(
    "X",
    [
        np.ones((29, 3)),
        np.zeros((50, 3)),
        sparse.random(100, 50, 0.05, format="csr", random_state=0),
        np.full((50, 3), np.nan),
        np.zeros((0, 3)),
        np.zeros((50, 0)),
    ],
    ids=["few rows", "zeros", "words alone", "not finite", "empty", "no features"],
)
def test_where_there_is_nothing_to_go_by_there_are_none(X):
    assert Neighborhoods.of(X) is None


def test_rows_that_are_all_alike_stay_as_they_are():
    X = np.ones((50, 3))
    np.testing.assert_allclose(Neighborhoods.of(X).turned(X, 5), X, atol=1e-5)


def test_of_a_large_pool_the_seed_draws_the_rows():
    X = np.random.default_rng(0).normal(size=(MOST_ROWS + 500, 4))
    one, same, other = (Neighborhoods.of(X, seed).turned(X[:5], 9) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("n", [40, 400])
def test_the_model_is_one_of_the_turned_rows_and_reads_rows_as_they_are(n, dense):
    X, _, y = pool(n)
    X = X.toarray() if dense else X
    near = Neighborhoods.of(X)
    ours = SketchedLogisticRegression(0, max_iter=5000, neighborhoods=near).fit(X, y)
    turned = near.turned(X, n)
    plain = LogisticRegression(C=10.0, max_iter=5000).fit(turned, y)
    np.testing.assert_allclose(ours.predict_proba(X), plain.predict_proba(turned), atol=5e-3)
    assert ours.n_features_in_ == X.shape[1]


def test_with_thousands_of_labels_the_sketch_is_shortened_after_the_turn():
    # (300 / 4800) ^ 0.75 = 1 / 8
    X, _, y = pool(4800, n_words=20)
    near = Neighborhoods.of(X)
    turned = near.turned(X, 4800).toarray()
    turned[:, :2] /= 8
    ours = SketchedLogisticRegression(2, neighborhoods=near).fit(X, y)
    plain = LogisticRegression(C=10.0, max_iter=1000).fit(turned, y)
    np.testing.assert_allclose(ours.predict_proba(X), plain.predict_proba(turned), atol=2e-2)


def test_folds_are_those_of_models_fitted_on_what_each_has_seen():
    X, _, y = pool()
    near = Neighborhoods.of(X)
    model = SketchedLogisticRegression(2, max_iter=5000, neighborhoods=near).fit(X, y)
    labeled = Labeled(X, y, None, np.ones(len(y), bool))
    found = held_out_probabilities(model, labeled)
    # By the rows themselves, not by where they lie in the space that all of them span.
    labeled_dense = Labeled(X.toarray(), y, None, np.ones(len(y), bool))
    np.testing.assert_allclose(found, held_out_probabilities(model, labeled_dense), atol=5e-3)


def test_labels_of_a_set_share_the_turned_rows():
    X, _, kind = pool()
    y = np.column_stack([kind == 0, kind == 1]).astype(int)
    learner = SketchedLogisticRegression(2, max_iter=5000, neighborhoods=Neighborhoods.of(X))
    table = PerLabelClassifier(learner).fit(X, y).predict_proba(X)
    for column in range(2):
        alone = clone(learner).fit(X, y[:, column]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(table[:, column], alone, atol=1e-4)


def test_copies_of_a_learner_share_its_neighborhoods():
    near = Neighborhoods.of(pool()[0])
    learner = SketchedLogisticRegression(2, neighborhoods=near)
    assert clone(learner).neighborhoods is near
    assert copy.deepcopy(learner).neighborhoods is near
    assert "5 columns" in repr(learner)


def test_one_label_of_each_kind_tells_the_rest_where_kinds_lie_apart():
    rng = np.random.default_rng(3)
    kind = np.repeat([0, 1, 2], 100)
    # Apart in two columns, and wide in thirty that say nothing.
    X = np.hstack([4 * np.eye(3)[kind][:, :2] - 2, 0.7 * rng.normal(size=(300, 30))]).astype(np.float32)
    chosen = [0, 100, 200]
    plain = SketchedLogisticRegression().fit(X[chosen], kind[chosen])
    ours = SketchedLogisticRegression(neighborhoods=Neighborhoods.of(X)).fit(X[chosen], kind[chosen])
    assert ours.score(X, kind) > plain.score(X, kind) + 0.05


def test_the_representation_gives_its_learner_the_pool_that_it_is_told():
    texts = [f"{a} {b} {c}" for a in ("red", "blue") for b in ("car", "house") for c in "klmnopqrst"]
    representation = TextRepresentation(rank=4, random_state=0)
    X = representation.fit_transform(texts)
    assert representation.learner(0).neighborhoods is None
    assert representation.learner(0, pool=X).neighborhoods.columns[:4].tolist() == [0, 1, 2, 3]
