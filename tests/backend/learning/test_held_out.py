from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.learning.accuracy import Accuracy
from backend.learning.held_out import accuracy_held_out
from backend.learning.learned import Amount, Learned
from backend.learning.tasks import Tasks
from tests.backend.learning.lessons import how, on_text, one, pairs, sentences, with_numbers

PAIR = '<View><Text name="a" value="$a"/><Text name="b" value="$b"/><Pairwise name="c" toName="a,b"/></View>'
ENTITIES = on_text('<Labels name="c" toName="t"><Label value="PER"/><Label value="LOC"/></Labels>')


def known(n: int, last: Accuracy | None = None, *, flipped: float = 0.0, anew: bool = False) -> Accuracy:
    """Return what is known of a model of n pairs, a share of which were answered the wrong way round."""
    tasks, given = pairs((), n)
    wrong = np.random.default_rng(1).random(n) < flipped
    other = {"left": "right", "right": "left"}
    answers = [other[answer] if flip else answer for answer, flip in zip(given, wrong, strict=True)]
    control = one(PAIR)
    learned = control.learn(tasks, answers, how(n))
    assert isinstance(learned, Learned)
    return accuracy_held_out(control, learned, tasks, answers, how(n), last or Accuracy(), 100, anew=anew)


def test_sure_guesses_that_are_right_are_trusted_and_those_of_noise_are_not() -> None:
    assert (known(40).calibrated(0.95) or 0) > 0.9
    assert (known(80, flipped=0.5).calibrated(0.95) or 0) < 0.8


def test_below_twenty_answers_nothing_is_known_and_below_thirty_audit_labels_no_accuracy() -> None:
    assert known(19).calibrated(0.9) is None
    found = known(40)
    assert found.value is None
    assert "0 of 30 audit labels" in str(found)
    assert (found.at_labels, found.at_tasks) == (40, 100)


def test_it_stands_until_labels_are_a_tenth_more() -> None:
    last = replace(known(40), slope=7.0)
    assert known(40, last).slope == 7.0
    assert known(43, last).slope == 7.0
    assert known(44, last).slope != 7.0
    assert known(40, last, anew=True).slope != 7.0


def test_spans_are_calibrated_by_whole_answers() -> None:
    tasks, given = sentences((), 40)
    control = one(ENTITIES)
    learned = control.learn(tasks, given, how(40))
    assert isinstance(learned, Learned)
    found = accuracy_held_out(control, learned, tasks, given, how(40), Accuracy(), 100)
    assert (found.calibrated(0.95) or 0) > 0.8


@pytest.mark.parametrize("n", [5, 40])
def test_a_confidence_that_is_a_share_already_stays_as_it_is(n: int) -> None:
    tasks, _ = sentences((), n)
    control = one(on_text('<Number name="c" toName="t"/>'))
    answers = [float(i % 3) for i in range(n)]
    learned = control.learn(tasks, answers, how(n))
    assert isinstance(learned, Learned)
    found = accuracy_held_out(control, learned, tasks, answers, how(n), Accuracy(), 100)
    assert found.calibrated(0.7) == pytest.approx(0.7)


def audited(control_tag: str, answers: list[Any], tasks: Tasks, n_audit: int = 30) -> Accuracy:
    """Return what is known of a model of which so many labels were drawn at random."""
    control, drawn = (
        one(on_text(control_tag)),
        replace(how(len(answers)), uniform=np.arange(len(answers)) < n_audit),
    )
    learned = control.learn(tasks, answers, drawn)
    assert isinstance(learned, Learned)
    return accuracy_held_out(control, learned, tasks, answers, drawn, Accuracy(), 1000, exploration=0.1)


def test_spans_have_their_f1_once_there_are_thirty_audit_labels() -> None:
    tasks, given = sentences((), 60)
    tag = '<Labels name="c" toName="t"><Label value="PER"/><Label value="LOC"/></Labels>'
    found = audited(tag, given, tasks)
    assert found.measure == "F1"
    assert found.value is not None
    assert found.low is not None
    assert found.low <= found.value <= 1.0
    assert found.value > 0.8
    assert str(found).startswith("F1 ")
    assert found.short.startswith("F1 ")
    assert (
        audited(tag, given, tasks, 29).unknown_because
        == "29 of 30 audit labels, about 10 more labels to give"
    )


def test_numbers_have_their_error_in_their_own_unit() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 50, 80).round(1)
    tasks = with_numbers([{"v": [v + rng.normal()]} for v in values])
    found = audited('<Number name="c" toName="t"/>', values.tolist(), tasks)
    assert (found.measure, found.value) == ("error", None)
    assert found.error is not None
    assert found.error_low is not None
    # The scatter of what is seen is 1, so the mean error is about that of a normal of that width: 0.8.
    assert found.error_low < 0.8 < (found.error_high or 0)
    assert str(found).startswith("off by ")
    again = accuracy_held_out(
        one(on_text('<Number name="c" toName="t"/>')),
        Amount.learned(tasks, values.tolist(), how(80)),  # type: ignore[arg-type]
        tasks,
        values.tolist(),
        replace(how(80), uniform=np.arange(80) < 30),
        found,
        1000,
    )
    assert again == found, "it stands while little has changed"
