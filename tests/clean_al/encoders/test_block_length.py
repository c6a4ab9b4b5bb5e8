"""How much of an encoder is believed, by labels that are left out."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from clean_al.encoders import share_by_labels
from clean_al.encoders.block_length import PENALTIES, SHARES, best_share, errors_by_share, left_out_error

N = 60


def noise(columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, columns)).astype(np.float32)


def classes(labels: np.ndarray) -> np.ndarray:
    return np.eye(labels.max() + 1)[labels]


LABELS = np.arange(N) % 3
# Shorter than the noise beside it, whose rows have length 4 or so.
KNOWING = 0.6 * np.eye(3, dtype=np.float32)[LABELS] + 0.5 * noise(3, 1)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_block_that_knows_the_classes_is_made_long_and_one_that_does_not_short(kind):
    assert share_by_labels(kind(noise(20, 2)), KNOWING, classes(LABELS)) == max(SHARES)
    assert share_by_labels(kind(KNOWING), noise(20, 2), classes(LABELS)) == min(SHARES)


def test_a_number_is_asked_for_as_classes_are():
    value = np.linspace(-1, 1, N)[:, None]
    block = 0.5 * value.astype(np.float32) + 0.5 * noise(1, 1)
    assert share_by_labels(noise(20, 2), block, value) == max(SHARES)


def test_without_enough_labels_or_with_one_class_alone_nothing_changes():
    few = slice(0, 9)
    assert share_by_labels(noise(20, 2)[few], KNOWING[few], classes(LABELS)[few], 0.5) == 0.5
    assert share_by_labels(noise(20, 2), KNOWING, np.ones((N, 1))) == 1.0
    assert share_by_labels(noise(20, 2), np.zeros((N, 4)), classes(LABELS)) == 1.0


def test_where_every_length_is_as_good_it_stays_as_expected():
    # Copies of each other: the longer one is only a weaker penalty, and the penalty is chosen.
    same = noise(4, 3)
    assert share_by_labels(same, same, classes(LABELS), 0.7) == 0.7


def test_several_questions_decide_together():
    knows = errors_by_share(noise(20, 2), KNOWING, classes(LABELS))
    # The second question's labels are no more in the block than in the rest.
    other = errors_by_share(noise(20, 2), KNOWING, classes(np.random.default_rng(5).permutation(LABELS)))
    assert best_share([None, other, knows]) == max(SHARES)
    assert best_share([None], 0.5) == 0.5


def test_the_error_is_that_of_fits_that_leave_each_label_out():
    X, y = noise(5, 4), classes(LABELS)
    middle = np.eye(N) - 1 / N
    kernel = middle @ (X.astype(float) @ X.T.astype(float)) @ middle
    scale = np.linalg.eigvalsh(kernel).clip(0).mean()
    wanted = y - y.mean(axis=0)

    def error(penalty: float) -> float:
        left_out = [
            Ridge(penalty).fit(np.delete(X, i, 0), np.delete(y, i, 0)).predict(X[i : i + 1])[0] - y[i]
            for i in range(N)
        ]
        return float(np.square(left_out).sum() / np.square(wanted).sum())

    best = min(error(penalty * scale) for penalty in PENALTIES)
    assert left_out_error(kernel, wanted) == pytest.approx(best, rel=0.01)
