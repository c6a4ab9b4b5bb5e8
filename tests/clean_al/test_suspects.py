"""Which labels are probably wrong, and why."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_multilabel_classification

from clean_al import IntelligentSampler, suspect_labels
from clean_al.suspects import COPY, NEIGHBORS

ABC = ["a", "b", "c"]


def test_the_label_that_a_sure_model_contradicts_comes_first():
    p = [[0.9, 0.05, 0.05], [0.02, 0.96, 0.02], [0.1, 0.5, 0.4]]
    found = suspect_labels(["a", "a", "b"], p, ABC)
    assert found.rows.tolist() == [1, 2, 0]
    # The best other label against the one given: 0.96 / 0.98, 0.4 / 0.9, 0.05 / 0.95.
    assert found.score == pytest.approx([0.05 / 0.95, 0.96 / 0.98, 0.4 / 0.9])
    assert found.suggested.tolist() == ["a", "b", "b"]
    assert found.accused.tolist() == [False, True, False]
    assert found.model[1] == pytest.approx(0.96)


def test_a_model_that_is_unsure_of_everything_accuses_nobody():
    p = [[0.01, 0.4, 0.3, 0.29]]
    assert not suspect_labels(["a"], p, ["a", "b", "c", "d"]).accused.any()


def test_of_copies_with_different_labels_the_majority_is_believed():
    p = np.full((4, 3), 1 / 3)
    X = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [5.0, 6.0]])
    found = suspect_labels(["a", "b", "a", "b"], p, ABC, X=X)
    assert found.copied.tolist() == [False, True, False, False]
    assert found.accused.tolist() == [False, True, False, False]
    assert found.suggested[1] == "a"
    assert found.score[1] == COPY


def test_of_two_copies_the_one_is_doubted_that_the_model_finds_less_likely():
    p = [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]
    found = suspect_labels(["b", "a"], p, ABC, X=np.ones((2, 2)))
    assert found.copied.tolist() == [True, False]


def test_near_neighbors_have_a_voice():
    X = np.concatenate([np.linspace(0, 1, 15), np.linspace(100, 101, 15)])[:, None]
    y = np.array(["a"] * 15 + ["b"] * 15)
    y[7] = "b"
    p = np.full((30, 2), 0.5)
    found = suspect_labels(y, p, ["a", "b"], X=X)
    assert found.rows[0] == 7
    assert found.neighbors[7] == 1.0
    assert found.suggested[7] == "a"
    few = suspect_labels(y[:NEIGHBORS], p[:NEIGHBORS], ["a", "b"], X=X[:NEIGHBORS])
    assert np.isnan(few.neighbors).all()


def test_of_several_labels_the_doubtful_one_is_flipped():
    y = np.array([[1, 0, 1], [1, 1, 0]])
    p = np.array([[0.9, 0.95, 0.8], [0.9, 0.7, 0.2]])
    found = suspect_labels(y, p)
    assert found.suggested.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found.score == pytest.approx([0.95, 0.3])
    assert found.accused.tolist() == [True, False]
    assert found.model[0] == pytest.approx(0.95)


def test_planted_errors_are_found_and_clean_labels_left_in_peace():
    X, y = load_digits(return_X_y=True)
    X, y = X[:400] / 16.0, y[:400]
    noisy, wrong = y.copy(), np.zeros(400, bool)
    wrong[::10] = True
    noisy[wrong] = (y[wrong] + 3) % 10
    for given, planted in ((noisy, True), (y, False)):
        sampler = IntelligentSampler(random_state=0).fit(X, given)
        found = suspect_labels(given, sampler.held_out_probabilities(), sampler.labeled_.classes, X=X)
        if planted:
            assert wrong[found.rows[:60]].sum() >= 0.8 * wrong.sum()
        else:
            assert found.accused.mean() <= 0.05


def test_held_out_probabilities_of_sets_have_a_column_a_label_and_are_made_once():
    X, Y = make_multilabel_classification(60, 6, n_classes=3, random_state=0)
    sampler = IntelligentSampler(random_state=0).fit(X, Y)
    p = sampler.held_out_probabilities()
    assert p.shape == (60, 3)
    sampler.estimate_accuracy()
    assert sampler.held_out_probabilities() is p
    assert sampler.update(X[:1], Y[:1]).held_out_probabilities() is not p


def test_without_a_model_nothing_is_held_out():
    assert IntelligentSampler().held_out_probabilities() is None
    assert IntelligentSampler().fit([[0.0], [1.0]], ["a", "b"]).held_out_probabilities() is None


@pytest.mark.parametrize(
    ("y", "p", "classes", "words"),
    [
        (["z"], [[0.5, 0.5]], ["a", "b"], "'z', which is not among classes"),
        (["a"], [[0.5, 0.5]], ["a"], "must name the 2 columns"),
        (["a"], [[0.5, 0.5]], None, "must name the 2 columns"),
        (["a", "b"], [[0.5, 0.5]], ["a", "b"], "a row for each of the 2 labels"),
        ([[1, 0]], [[0.5]], None, "a row for each of the 1 labels"),
    ],
)
def test_wrong_input_is_named(y, p, classes, words):
    with pytest.raises(ValueError, match=words):
        suspect_labels(y, p, classes)
