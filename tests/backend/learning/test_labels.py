from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.records import Annotation
from backend.learning.controls import SingleChoice, learnable_controls
from backend.learning.labels import Labels, ProjectLabels, read_labels
from tests.backend.samples import TEXT_CONFIG, annotation

CONTROLS = learnable_controls(TEXT_CONFIG)


def label_of(*given: tuple[str | None, str]) -> str | None:
    """Return the label of one task, given (label, how) by annotators, the oldest first."""
    made = [
        annotation(i, 1, label, skipped="skipped" in how, truth="truth" in how)
        for i, (label, how) in enumerate(given)
    ]
    (labels,) = read_labels([(1, made)], CONTROLS).questions
    return str(labels.answers[0]) if len(labels) else None


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
    found = read_labels(
        [
            (9, [annotation(1, 9, "cats")]),
            (2, [annotation(2, 2, "conflict"), annotation(3, 2, "cats"), annotation(4, 2, "conflict")]),
            (3, [annotation(5, 3, None, skipped=True)]),
            (4, [annotation(6, 4, None)]),
            (5, [annotation(7, 5, "dogs")]),
            (6, [annotation(8, 6, "dogs"), annotation(9, 6, "birds"), annotation(10, 6, "birds")]),
            (7, [annotation(11, 7, "cats"), annotation(12, 7, None, skipped=True)]),
        ],
        CONTROLS,
    )
    (labels,) = found.questions
    assert labels.task_ids.tolist() == [2, 7, 9]
    assert labels.answers == ("conflict", "cats", "cats")
    assert found.skipped == {3}
    assert found.task_ids.tolist() == [2, 7, 9]
    assert labels.empty == 1
    assert labels.disagreeing == 2
    assert labels.left_config == {"dogs": 1, "birds": 1}
    assert labels.never_seen == ("money",)
    assert labels.counts == {"conflict": 1, "cats": 2}
    assert len(labels) == 3


def test_a_task_whose_ground_truth_is_settled_is_no_disagreement() -> None:
    given = [annotation(1, 1, "cats", truth=True), annotation(2, 1, "money")]
    (labels,) = read_labels([(1, given)], CONTROLS).questions
    assert labels.disagreeing == 0


def test_no_annotations_are_no_labels() -> None:
    found = read_labels([], CONTROLS)
    assert isinstance(found, ProjectLabels)
    (labels,) = found.questions
    assert isinstance(labels, Labels)
    assert len(found) == len(labels) == 0
    assert labels.task_ids.dtype == found.task_ids.dtype == "int64"
    assert read_labels([], ()).task_ids.dtype == "int64"
    assert labels.never_seen == ("cats", "money", "conflict")


TWO = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="topic" toName="text"><Choice value="cats"/><Choice value="money"/></Choices>
  <Rating name="stars" toName="text" maxRating="5"/>
</View>
"""


def stars(number: int, task: int, rating: Any, *more: Any) -> Annotation:
    value = {"rating": rating}
    item = {"from_name": "stars", "to_name": "text", "type": "rating", "value": value}
    return Annotation(number, task, [item, *more], False, False, f"2026-01-01T00:00:{number:02d}.000000Z")


def test_each_question_has_its_own_answers() -> None:
    both = stars(1, 1, 4, *annotation(1, 1, "cats").result)
    given = [(1, [both]), (2, [annotation(2, 2, "money")]), (3, [stars(3, 3, 2)])]
    found = read_labels(given, learnable_controls(TWO))
    topic, rating = found.questions
    assert (topic.task_ids.tolist(), topic.answers, topic.empty) == ([1, 2], ("cats", "money"), 1)
    assert (rating.task_ids.tolist(), rating.answers, rating.empty) == ([1, 3], (4, 2), 1)
    assert found.task_ids.tolist() == [1, 2, 3]
    assert rating.counts == {"4": 1, "2": 1}
    assert rating.never_seen == ("1", "3", "5")


def test_ratings_are_settled_by_their_median_and_nonsense_is_told() -> None:
    given = [
        (1, [stars(1, 1, 1), stars(2, 1, 5), stars(3, 1, 2)]),
        (2, [stars(4, 2, 2), stars(5, 2, 4)]),
        (3, [stars(6, 3, 9)]),
        (4, [stars(7, 4, "many")]),
        (5, [stars(8, 5, float("nan"))]),
        (6, [stars(9, 6, 2.5)]),
    ]
    _, rating = read_labels(given, learnable_controls(TWO)).questions
    assert dict(zip(rating.task_ids.tolist(), rating.answers, strict=True)) == {1: 2, 2: 2}
    assert (rating.disagreeing, rating.left_config) == (2, {"9": 1})
    assert (rating.unreadable, rating.empty) == (3, 0)


def test_nonsense_of_one_annotator_does_not_take_the_others_answer_away() -> None:
    given = [(1, [stars(1, 1, 4), stars(2, 1, "many")]), (2, [stars(3, 2, 0)]), (3, [stars(4, 3, None)])]
    _, rating = read_labels(given, learnable_controls(TWO)).questions
    assert (rating.task_ids.tolist(), rating.answers) == ([1], (4,))
    assert (rating.unreadable, rating.empty) == (1, 2)


@pytest.mark.parametrize(
    ("control", "kind", "value"),
    [
        (
            "<Choices name='q' toName='t'><Choice value='a'/><Choice value='b'/></Choices>",
            "choices",
            ["a", "b"],
        ),
        ("<Choices name='q' toName='t' choice='multiple'><Choice value='a'/></Choices>", "choices", "a"),
        ("<Number name='q' toName='t'/>", "number", "three"),
        ("<Taxonomy name='q' toName='t'><Choice value='a'/></Taxonomy>", "taxonomy", "a"),
        ("<Ranker name='q' toName='t'/>", "ranker", 7),
        ("<Pairwise name='q' toName='t,u'/>", "selected", "middle"),
    ],
)
def test_what_is_no_answer_to_its_question_is_counted(control: str, kind: str, value: Any) -> None:
    config = f"<View><Text name='t' value='$a'/><List name='u' value='$b'/>{control}</View>"
    config = config.replace("<Ranker name='q' toName='t'", "<Ranker name='q' toName='u'")
    item = {"from_name": "q", "to_name": "t", "type": "q", "value": {kind: value}}
    given = [(1, [Annotation(1, 1, [item], False, False, "2026-01-01T00:00:00.000000Z")])]
    (labels,) = read_labels(given, learnable_controls(config)).questions
    assert (len(labels), labels.unreadable, labels.empty) == (0, 1, 0)


def test_of_a_set_only_the_labels_that_have_left_are_named() -> None:
    config = (
        "<View><Text name='t' value='$a'/><Choices name='q' toName='t' choice='multiple'>"
        "<Choice value='a'/><Choice value='b'/></Choices></View>"
    )
    item = {"from_name": "q", "to_name": "t", "type": "choices", "value": {"choices": ["a", "gone"]}}
    given = [(1, [Annotation(1, 1, [item], False, False, "2026-01-01T00:00:00.000000Z")])]
    (labels,) = read_labels(given, learnable_controls(config)).questions
    assert labels.left_config == {"gone": 1}


def test_an_annotation_that_a_control_chokes_on_costs_that_task_alone() -> None:
    class Choking(SingleChoice):
        def answer_of(self, result: Any) -> str | None:
            if "bad" in str(result):
                raise KeyError("bad")
            return super().answer_of(result)

    (control,) = learnable_controls(TEXT_CONFIG)
    given = [(1, [annotation(1, 1, "cats")]), (2, [annotation(2, 2, "bad")])]
    (labels,) = read_labels(given, (Choking(control.tag),)).questions
    assert (labels.task_ids.tolist(), labels.unreadable) == ([1], 1)
