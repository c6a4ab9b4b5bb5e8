"""The learner for texts: it leans on the sketch while labels are few."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from clean_al import TextRepresentation
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression


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
    assert clone(learner).get_params() == {"n_sketch": 4, "C": 10.0, "max_iter": 1000, "random_state": 7}
