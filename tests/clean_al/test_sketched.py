"""The learner for texts: it leans on the sketch while labels are few."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from clean_al import TextRepresentation
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression
from clean_al.multilabel import PerLabelClassifier
from clean_al.row_space import RowSpace


def data(n: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    sketch = 2 * rng.normal(size=(n, 3))
    words = sparse.random(n, 40, 0.1, format="csr", random_state=0)
    y = np.array(["a", "b", "c"])[np.argmax(sketch + 2 * words.toarray()[:, :3], axis=1)]
    return sparse.hstack([sparse.csr_matrix(sketch), words], format="csr"), y


@pytest.mark.parametrize(("n", "times"), [(30, 10), (150, 2)])
def test_below_300_labels_each_counts_as_many_times_as_make_300(n, times):
    X, y = data(n)
    ours = SketchedLogisticRegression(3, max_iter=5000).fit(X, y)
    plain = SparseLogisticRegression(C=10.0 * times, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), plain.predict_proba(X), atol=5e-3)
    assert ours.get_params()["C"] == 10.0
    weighted = SketchedLogisticRegression(3, max_iter=5000).fit(X, y, np.full(n, 1 / times))
    once = SparseLogisticRegression(C=10.0, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(weighted.predict_proba(X), once.predict_proba(X), atol=5e-3)


def test_at_300_labels_it_is_plain_logistic_regression():
    X, y = data(300)
    ours = SketchedLogisticRegression(3, random_state=0).fit(X, y)
    plain = SparseLogisticRegression(C=10.0, max_iter=1000, random_state=0).fit(X, y)
    np.testing.assert_array_equal(ours.coef_, plain.coef_)


@pytest.mark.parametrize("dense", [False, True])
def test_with_16_times_as_many_the_sketch_is_an_eighth_as_long_in_the_fit(dense):
    # (300 / 4800) ^ 0.75 = 16 ^ -0.75 = 1 / 8
    X, y = data(4800)
    scaled = X.toarray()
    scaled[:, :3] /= 8
    ours = SketchedLogisticRegression(3).fit(X.toarray() if dense else X, y)
    plain = SparseLogisticRegression(C=10.0, max_iter=1000).fit(sparse.csr_matrix(scaled), y)
    np.testing.assert_allclose(ours.predict_proba(X), plain.predict_proba(scaled), atol=1e-3)
    np.testing.assert_allclose(ours.coef_[:, :3], plain.coef_[:, :3] / 8, atol=1e-2)


def test_it_is_cloned_with_its_sketch_and_comes_from_the_representation():
    texts = [f"{a} {b}" for a in ("red", "blue", "green") for b in ("car", "house", "tree")]
    learner = TextRepresentation(rank=4, random_state=0).fit(texts).learner(random_state=7)
    params = {"n_sketch": 4, "C": 10.0, "max_iter": 1000, "random_state": 7, "neighborhoods": None}
    assert clone(learner).get_params() == params


@pytest.mark.parametrize("n", [2, 30, 150])
@pytest.mark.parametrize("sketched", [False, True])
def test_a_fit_on_what_few_rows_span_is_the_fit_on_all_their_features(n, sketched):
    rng = np.random.default_rng(1)
    X = sparse.random(n, 2000, 0.05, format="csr", random_state=1, dtype=np.float64)
    # Rows that are the same span nothing new.
    X = sparse.vstack([X, X[: n // 2]], format="csr")
    y = rng.permutation(X.shape[0]) % (2 if n < 5 else 3)
    weight = rng.uniform(0.5, 2, X.shape[0])
    quick = SketchedLogisticRegression(3) if sketched else SparseLogisticRegression(C=10.0)
    quick.tol, quick.max_iter = 1e-9, 5000
    times = 300 / X.shape[0] if sketched else 1
    full = LogisticRegression(C=10.0 * times, tol=1e-9, max_iter=5000).fit(X.toarray(), y, weight)
    np.testing.assert_allclose(quick.fit(X, y, weight).coef_, full.coef_, atol=1e-5)
    assert quick.n_features_in_ == 2000


def test_rows_are_prepared_once_for_many_labels_and_their_probabilities_come_in_one_pass():
    X = sparse.random(60, 2000, 0.05, format="csr", random_state=2, dtype=np.float32)
    y = (np.random.default_rng(2).random((60, 4)) < [0.5, 0.2, 0.4, 0.0]).astype(int)
    model = PerLabelClassifier(SparseLogisticRegression(C=10.0)).fit(X, y)
    assert model.models_[3] == 0.0
    table = model.predict_proba(X)
    for column in range(3):
        alone = SparseLogisticRegression(C=10.0).fit(X, y[:, column]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(table[:, column], alone, atol=1e-5)
    assert not table[:, 3].any()


@pytest.mark.parametrize("X", [np.eye(3), sparse.csr_matrix((3, 9)), sparse.csr_matrix(np.ones((9, 3)))])
def test_rows_that_are_dense_empty_or_more_than_their_features_span_nothing_that_helps(X):
    assert RowSpace.of(X) is None


def test_rows_that_are_not_finite_are_left_to_the_fit_to_refuse():
    X = sparse.csr_matrix(np.eye(3, 50))
    X.data[0] = np.nan
    assert RowSpace.of(X) is None
    with pytest.raises(ValueError, match="NaN"):
        SparseLogisticRegression().fit(X, [0, 1, 0])
