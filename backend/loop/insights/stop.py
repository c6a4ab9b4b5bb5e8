"""Whether more labels are worth their price: the advice to stop, and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from backend.learning.accuracy import Accuracy
from backend.loop.insights.held_out import Question
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.insight import StopAdvice
from clean_al.gain import ExpectedGain, expected_gain

# So many labels at least: below, models change by luck, and one that knows nothing yet stands as still as one
# that knows all.
FEWEST = 150
# A gain of the next hundred labels that is surely below this is not worth them.
WORTH = 0.01
MORE = 100
# A model that is no better than the most frequent answer has not begun to learn, however little it changes.
LUCK = 0.001
# One-sided: in nineteen cases of twenty the gain is not above.
REACH = float(stats.norm.ppf(0.95))

FINISHED = StopAdvice("stop", "every task has a label")
NO_TASKS = StopAdvice("not known yet", "there are no tasks yet")
NEW_TASKS = StopAdvice("not known yet", "new tasks have come; the next labels tell")


@dataclass(frozen=True)
class _Word:
    """What is to be said of one question."""

    question: str
    advice: StopAdvice


def advice_on(
    situation: Situation, lesson: Lesson, accuracies: Mapping[str, Accuracy], questions: list[Question]
) -> StopAdvice:
    """Return whether to stop: when each question that is learned has been learned well enough."""
    target = situation.options.target_accuracy
    words = []
    for question in questions:
        accuracy = accuracies.get(question.control.name, Accuracy())
        gain = _gain(situation, lesson, question, accuracy)
        words.append(_Word(question.control.name, _advice(question, accuracy, gain, target)))
    return _together(words)


def _together(words: list[_Word]) -> StopAdvice:
    """Return one advice: that of the question that is farthest from done."""
    if not words:
        return StopAdvice("not known yet", "nothing is learned here, so nothing tells when it is enough")
    order = {"not known yet": 1, "go on": 0, "stop": 2}
    word = min(words, key=lambda w: order[w.advice.verdict])
    of = f"{word.question}: " if len(words) > 1 else ""
    return StopAdvice(word.advice.verdict, of + word.advice.reason)


def _advice(
    question: Question, accuracy: Accuracy, gain: ExpectedGain | None, target: float | None
) -> StopAdvice:
    held = question.held
    if target is not None:
        return _on_target(accuracy, gain, target)
    if held is None or gain is None:
        return StopAdvice(
            "not known yet", "too few labels, or a kind of question whose gain is not estimated"
        )
    if len(held.given) < FEWEST:
        return StopAdvice("not known yet", f"{len(held.given)} labels, {FEWEST} are needed to tell")
    if (often := _as_good_as_luck(question)) is not None:
        return StopAdvice("not known yet", f"the model is no better yet than always answering {often}")
    if is_worth_nothing(gain):
        return StopAdvice("stop", f"you can stop: {_told(gain)}")
    return StopAdvice("go on", _told(gain))


def _on_target(accuracy: Accuracy, gain: ExpectedGain | None, target: float) -> StopAdvice:
    if accuracy.value is None or accuracy.low is None:
        return StopAdvice("not known yet", f"accuracy is not known yet: {accuracy.unknown_because}")
    at_least = f"{accuracy.measure} is at least {accuracy.low:.1%}, {target:.1%} is the target"
    if accuracy.low >= target:
        return StopAdvice("stop", f"you can stop: {at_least}")
    return StopAdvice("go on", at_least + (f"; {_told(gain)}" if gain is not None else ""))


def _told(gain: ExpectedGain) -> str:
    value, reach = max(100 * gain.value, 0.0), 100 * REACH * gain.error
    return f"another {gain.labels} labels would gain {value:.1f} ± {reach:.1f} points"


def is_luck(right: int, n: int, most: int) -> bool:
    """Whether so many held-out guesses right of n are no clear sign of learning.

    Parameters
    ----------
    most : how many of the n have the most frequent answer
    """
    return bool(stats.binomtest(right, n, most / n, "greater").pvalue > LUCK)


def is_worth_nothing(gain: ExpectedGain) -> bool:
    """Whether the gain is surely below what is worth the labels."""
    return gain.value + REACH * gain.error <= WORTH


def _as_good_as_luck(question: Question) -> str | None:
    """Return the most frequent answer where the held-out guesses are not clearly better than it alone."""
    held = question.held
    if held is None:
        return None
    answers, counts = np.unique(held.given, axis=0, return_counts=True)
    most = int(counts.max())
    return (
        held.name(answers[counts.argmax()]) if is_luck(int(held.right.sum()), len(held.given), most) else None
    )


def _gain(
    situation: Situation, lesson: Lesson, question: Question, accuracy: Accuracy
) -> ExpectedGain | None:
    learned = lesson.learned.get(question.control.name)
    if learned is None or learned.sampler is None or question.held is None:
        return None
    known = accuracy.slope, accuracy.intercept
    calibration = None if known[0] is None or known[1] is None else (known[0], known[1])
    return expected_gain(
        learned.sampler.model_,
        learned.sampler.labeled_,
        situation.pool.features.X[situation.pool.features.readable],
        labels=MORE,
        order=_by_time(question),
        calibration=calibration,
    )


def _by_time(question: Question) -> np.ndarray:
    """Return the labeled tasks' rows, the one labeled first first."""
    assert question.held is not None
    times = [
        question.opinions[int(task)][0].annotation.updated_at if int(task) in question.opinions else ""
        for task in question.held.task_ids
    ]
    return np.argsort(np.array(times), kind="stable")
