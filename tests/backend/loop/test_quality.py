"""Accuracy by label, confusions, annotators and suspects, by hand; and who of two annotators errs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from backend.label_studio.records import Annotation
from backend.learning.controls import learnable_controls
from backend.loop.insights.annotators import annotators_of
from backend.loop.insights.held_out import HeldOut, Question
from backend.loop.insights.opinions import opinions_on
from backend.loop.insights.quality import FEWEST, confusion_of, quality_of, share_of
from backend.loop.insights.stop import is_luck
from backend.loop.insights.suspects import suspects_of
from tests.backend.samples import TEXT_CONFIG, annotation, chosen

(TOPIC,) = learnable_controls(TEXT_CONFIG)
LABELS = ("cats", "money", "conflict")
EYE = np.eye(3)


def held_out(given: list[int], guessed: list[int], sure: float = 0.9) -> HeldOut:
    """What models say that are this sure of each guess."""
    p = np.full((len(given), 3), (1 - sure) / 2)
    p[np.arange(len(given)), guessed] = sure
    space = np.arange(len(given), dtype=float)[:, None] * 1000
    drawn = np.ones(len(given), bool)
    return HeldOut(TOPIC, np.arange(len(given)), LABELS, EYE[given], p, drawn, space, False)


class TestByLabel:
    def test_precision_and_recall_are_shares_of_the_audit_labels(self) -> None:
        held = held_out([0] * 10 + [1] * 10, [0] * 8 + [1] * 2 + [1] * 9 + [0])
        first, second, _ = quality_of(held)
        assert (first.label, first.precision, first.recall, first.labels) == ("cats", 8 / 9, 0.8, 10)
        assert (second.precision, second.recall) == (9 / 11, 0.9)

    def test_of_too_few_labels_nothing_is_said(self) -> None:
        found = list(quality_of(held_out([0] * (FEWEST - 1), [0] * (FEWEST - 1))))
        assert [q.recall for q in found] == [None, None, None]

    @pytest.mark.parametrize("n", [8, 20, 60])
    @pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
    def test_the_interval_holds_the_truth_in_nine_cases_of_ten(self, n: int, truth: float) -> None:
        ends = [share_of(right, n)[1:] for right in range(n + 1)]
        holds = [low <= truth <= high for low, high in ends]  # type: ignore[operator]
        assert float(stats.binom.pmf(np.arange(n + 1), n, truth) @ np.array(holds)) >= 0.9

    def test_a_confusion_is_counted_by_what_was_given_and_what_was_guessed(self) -> None:
        found = confusion_of(held_out([0, 0, 1, 2], [1, 1, 1, 0]))
        assert [(c.given, c.guessed, c.count) for c in found] == [
            ("cats", "money", 2),
            ("conflict", "cats", 1),
        ]


def test_a_model_that_is_right_as_often_as_the_most_frequent_answer_has_learned_by_luck() -> None:
    assert is_luck(180, 200, 180)
    assert is_luck(186, 200, 180)
    assert not is_luck(195, 200, 180)


class TestAnnotators:
    def test_two_of_whom_one_errs_in_a_fifth_of_the_tasks(self) -> None:
        """Overlap 2: the model, which has seen neither, tells who it is, and which labels."""
        truth = [i % 3 for i in range(60)]
        wrong = set(range(0, 60, 5))
        annotated, number = [], 0
        for task, label in enumerate(truth):
            said = (LABELS[label], LABELS[(label + 1) % 3] if task in wrong else LABELS[label])
            both = []
            for by, answer in zip((1, 2), said, strict=True):
                number += 1
                both.append(Annotation(number, task, chosen(answer), False, False, "", by))
            annotated.append((task, both))
        # Of two answers that differ the latest counts, so the labels that were learned are wrong there.
        given = [(label + 1) % 3 if task in wrong else label for task, label in enumerate(truth)]
        question = Question(TOPIC, dict(opinions_on(TOPIC, annotated)), held_out(given, truth))
        good, bad = annotators_of(annotated, [question])
        assert (good.id, good.agreement, good.agreement_with_model) == (1, 0.8, 1.0)
        assert (bad.id, bad.agreement, bad.agreement_with_model) == (2, 0.8, 0.8)
        suspects = suspects_of(question)
        assert {suspect.task for suspect in suspects} == wrong
        assert all(s.annotation is not None and s.annotation % 2 == 0 for s in suspects), "the second one's"
        assert all(s.suggested == LABELS[truth[s.task]] for s in suspects)
        assert "annotator 2 says" in suspects[0].reason

    def test_pauses_do_not_count_and_skips_are_no_labels(self) -> None:
        begun = datetime(2026, 1, 1, tzinfo=UTC)
        at = [0, 30, 60, 90, 120, 150, 7200]
        times = [(begun + timedelta(seconds=s)).isoformat() for s in at]
        given = [(i, [Annotation(i, i, chosen("cats"), i == 6, False, t, 7)]) for i, t in enumerate(times)]
        (record,) = annotators_of(given, [Question(TOPIC, {})])
        assert (record.labels, record.skips, record.labels_per_hour) == (6, 1, 120.0)
        assert record.agreement is None

    def test_one_who_is_not_known_is_not_counted(self) -> None:
        assert annotators_of([(1, [annotation(1, 1, "cats")])], []) == []


class TestSuspects:
    def test_ground_truth_is_nobodys_suspect(self) -> None:
        held = held_out([0, 0], [1, 1], sure=0.98)
        said = [(0, [annotation(1, 0, "cats")]), (1, [annotation(2, 1, "cats", truth=True)])]
        found = suspects_of(Question(TOPIC, dict(opinions_on(TOPIC, said)), held))
        assert [(s.task, s.suggested, s.annotation) for s in found] == [(0, "money", 1)]

    def test_without_a_model_a_majority_of_annotators_speaks(self) -> None:
        said = [(0, [annotation(1, 0, "cats"), annotation(2, 0, "cats"), annotation(3, 0, "money")])]
        even = [(1, [annotation(4, 1, "cats"), annotation(5, 1, "money")])]
        found = suspects_of(Question(TOPIC, dict(opinions_on(TOPIC, said + even))))
        assert [(s.task, s.given, s.suggested, s.annotation) for s in found] == [(0, "money", "cats", 3)]
