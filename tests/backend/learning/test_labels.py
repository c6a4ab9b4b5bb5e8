from __future__ import annotations

import pytest

from backend.learning.controls import learnable_control
from backend.learning.labels import Labels, read_labels
from tests.backend.samples import TEXT_CONFIG, annotation

CONTROL = learnable_control(TEXT_CONFIG)


def label_of(*given: tuple[str | None, str]) -> str | None:
    """Return the label of one task, given (label, how) by annotators, the oldest first."""
    made = [
        annotation(i, 1, label, skipped="skipped" in how, truth="truth" in how)
        for i, (label, how) in enumerate(given)
    ]
    labels = read_labels([(1, made)], CONTROL)
    return labels.values[0] if len(labels) else None


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ([("cats", "")], "cats"),
        ([("cats", ""), ("money", ""), ("cats", "")], "cats"),
        ([("money", ""), ("cats", ""), ("money", ""), ("cats", "")], "cats"),
        ([("cats", ""), ("money", "")], "money"),
        ([("cats", ""), ("money", ""), ("conflict", ""), ("cats", ""), ("money", "")], "money"),
        ([("cats", "truth"), ("money", ""), ("money", "")], "cats"),
        ([("cats", "truth"), ("money", "truth"), ("cats", "truth"), ("money", "")], "cats"),
        ([("cats", ""), ("money", "skipped"), ("money", "skipped")], "cats"),
        ([("money", "truth skipped"), ("cats", "")], "cats"),
        ([("cats", ""), (None, ""), (None, "")], "cats"),
        ([("gone", ""), ("gone", ""), ("cats", "")], "cats"),
        ([(None, "truth"), ("cats", "")], None),
        ([("gone", "truth"), ("cats", "")], None),
        ([("cats", "skipped")], None),
        ([(None, "")], None),
        ([("gone", "")], None),
    ],
)
def test_ground_truth_then_the_majority_then_the_latest(
    given: list[tuple[str | None, str]], label: str | None
) -> None:
    assert label_of(*given) == label


def test_one_project_worked_by_hand() -> None:
    labels = read_labels(
        [
            (9, [annotation(1, 9, "cats")]),
            (2, [annotation(2, 2, "conflict"), annotation(3, 2, "cats"), annotation(4, 2, "conflict")]),
            (3, [annotation(5, 3, None, skipped=True)]),
            (4, [annotation(6, 4, None)]),
            (5, [annotation(7, 5, "dogs")]),
            (6, [annotation(8, 6, "dogs"), annotation(9, 6, "birds"), annotation(10, 6, "birds")]),
            (7, [annotation(11, 7, "cats"), annotation(12, 7, None, skipped=True)]),
        ],
        CONTROL,
    )
    assert labels.task_ids.tolist() == [2, 7, 9]
    assert labels.values == ("conflict", "cats", "cats")
    assert labels.skipped == {3}
    assert labels.empty == 1
    assert labels.disagreeing == 2
    assert labels.left_config == {"dogs": 1, "birds": 1}
    assert labels.never_seen == ("money",)
    assert labels.classes == 2
    assert len(labels) == 3


def test_a_task_whose_ground_truth_is_settled_is_no_disagreement() -> None:
    given = [annotation(1, 1, "cats", truth=True), annotation(2, 1, "money")]
    assert read_labels([(1, given)], CONTROL).disagreeing == 0


def test_no_annotations_are_no_labels() -> None:
    labels = read_labels([], CONTROL)
    assert isinstance(labels, Labels)
    assert len(labels) == labels.classes == 0
    assert labels.task_ids.dtype == "int64"
    assert labels.never_seen == ("cats", "money", "conflict")
