"""All that a round knows beyond its order. A part that cannot be worked out is named, the others stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from backend.label_studio.records import Annotation
from backend.learning.accuracy import Accuracy
from backend.log_context import log_fault
from backend.loop.insights.annotators import annotators_of
from backend.loop.insights.head import head_of
from backend.loop.insights.held_out import Question, held_out
from backend.loop.insights.opinions import name_of, opinions_on
from backend.loop.insights.quality import confusion_of, quality_of
from backend.loop.insights.savings import random_curve, saved_labels, savings_of
from backend.loop.insights.second_opinions import doubts_of_new, second_opinions
from backend.loop.insights.stop import FINISHED, NEW_TASKS, NO_TASKS, advice_on
from backend.loop.insights.suspects import ranked, suspects_of
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.insight import (
    AnnotatorRecord,
    ConfusedPair,
    CurvePoint,
    HeadTask,
    Insight,
    LabelCount,
    LabelQuality,
    SavedLabels,
    SecondOpinion,
    StopAdvice,
    Suspect,
)
from backend.store.models import Published
from clean_al.savings import LabelSavings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """What a round's insights are made of.

    Attributes
    ----------
    lesson : what the round has learned; None in a round that found nothing new
    last : what was known before
    history : the reports of the rounds before, oldest first
    now : when this is, ISO 8601
    afresh : whether the models have changed enough for what fits more of them to be worked out again
    """

    situation: Situation
    lesson: Lesson | None
    published: Published
    accuracies: Mapping[str, Accuracy]
    last: Insight
    history: Sequence[Mapping[str, Any]] = ()
    now: str = ""
    afresh: bool = True

    @cached_property
    def annotated(self) -> list[tuple[int, Sequence[Annotation]]]:
        """The annotated tasks, with all that was said of them."""
        return [(task, given) for task, given in self.situation.annotations() if task in self.situation.pool]

    @cached_property
    def questions(self) -> list[Question]:
        """The questions of the project, with the held-out word on them where that is worked out afresh."""
        found = []
        for control in self.situation.controls:
            held = None
            if self.afresh and self.lesson is not None and control.name in self.lesson.given:
                learned = self.lesson.learned.get(control.name)
                held = held_out(self.lesson.given[control.name], learned)
            found.append(Question(control, dict(opinions_on(control, self.annotated)), held))
        return found

    @cached_property
    def suspects(self) -> list[Suspect]:
        """The likely wrong labels, the likeliest first."""
        if self.afresh:
            return ranked([s for question in self.questions for s in suspects_of(question)])
        return [s for s in self.last.suspects if _stands(s, self)]

    @cached_property
    def saved(self) -> LabelSavings | None:
        """How many labels were saved against a random order, and what that would have reached."""
        return savings_of(self.lesson, self.accuracy) if self.lesson is not None else None

    @property
    def accuracy(self) -> Accuracy:
        """That of the first question."""
        return next(iter(self.accuracies.values()), Accuracy())


def gather(view: View) -> Insight:
    """Return what is known now; what cannot be worked out stays as it was, and is named."""
    found: dict[str, Any] = {}
    problems = []
    for name, make in PARTS.items():
        try:
            made = make(view)
            found[name] = tuple(made) if isinstance(made, list) else made
        except Exception as error:  # noqa: BLE001
            # An estimator of a user's own, a label nobody thought of: the order is served, no round fails.
            log_fault(logger, error, "project %s: %s", view.situation.project["id"], name)
            problems.append(f"{TITLES[name]} could not be worked out: {type(error).__name__}")
    target = view.situation.options.target_accuracy
    return replace(view.last, **found, target=target, problems=tuple(problems))


def _curve(view: View) -> list[CurvePoint]:
    """Every estimate of the first question's accuracy, at its number of labels."""
    # A project may be older than this file: then its first curve is made of the reports that there are.
    before = list(view.last.curve) or [p for report in view.history if (p := _point(report)) is not None]
    now = _point({"accuracy": vars(view.accuracy), "ended_at": view.now})
    points = {point.labels: point for point in before}
    # The same estimate again keeps the time at which it was first made.
    if now is not None and (now.labels not in points or points[now.labels].accuracy != now.accuracy):
        points[now.labels] = now
    return [points[labels] for labels in sorted(points)]


def _point(report: Mapping[str, Any]) -> CurvePoint | None:
    known = report.get("accuracy") or {}
    value, low, high, labels = (known.get(name) for name in ("value", "low", "high", "at_labels"))
    if value is None or low is None or high is None or not isinstance(labels, int):
        return None
    return CurvePoint(labels, float(value), float(low), float(high), str(report.get("ended_at", "")))


def _classes(view: View) -> list[LabelCount]:
    found = []
    for labels in view.situation.labels.questions:
        counts = labels.counts | dict.fromkeys(labels.never_seen, 0)
        found += [LabelCount(label, n, labels.control.name) for label, n in counts.items()]
    return found


def _head(view: View) -> list[HeadTask]:
    if view.lesson is None:
        # Nothing was learned: what was said of the last head stands, but for tasks that have left it.
        there = {*view.situation.candidates.tolist(), *view.published.second}
        return [task for task in view.last.head if task.task in there]
    again = {one.task: one.why for one in view.last.second_opinions}
    return head_of(view.situation, view.lesson, view.published, again)


def _suspects(view: View) -> list[Suspect]:
    return view.suspects


def _second_opinions(view: View) -> list[SecondOpinion]:
    if not view.afresh or view.lesson is None:
        wanted = {suspect.task for suspect in view.suspects}
        return [one for one in view.last.second_opinions if one.task in wanted]
    limit = view.situation.opinions
    if limit < 2:
        return []
    doubts = doubts_of_new(view.situation, view.lesson, view.accuracies)
    return second_opinions(view.suspects, view.annotated, limit, doubts)


def _stands(suspect: Suspect, view: View) -> bool:
    """Whether a label is still there as it was when it was suspected, and nobody has confirmed it since."""
    for question in view.questions:
        if question.control.name == suspect.question:
            given = question.opinions.get(suspect.task, ())
            if any(o.annotation.ground_truth for o in given):
                return False
            return any(
                suspect.annotation in (None, o.annotation.id)
                and name_of(question.control, o.answer) == suspect.given
                for o in given
            )
    return False


def _per_label(view: View) -> list[LabelQuality]:
    if not view.afresh:
        return list(view.last.per_label)
    return [quality for q in view.questions if q.held is not None for quality in quality_of(q.held)]


def _confusion(view: View) -> list[ConfusedPair]:
    if not view.afresh:
        return list(view.last.confusion)
    return [pair for q in view.questions if q.held is not None for pair in confusion_of(q.held)]


def _annotators(view: View) -> list[AnnotatorRecord]:
    found = annotators_of(view.annotated, view.questions, view.suspects)
    if view.afresh:
        return found
    # Counts are made anew each time; what takes models that have not seen a label is not.
    known = {record.id: record.agreement_with_model for record in view.last.annotators}
    return [replace(record, agreement_with_model=known.get(record.id)) for record in found]


def _savings(view: View) -> SavedLabels | None:
    return saved_labels(view.saved) if view.afresh and view.lesson else view.last.savings


def _random(view: View) -> list[CurvePoint]:
    known = view.afresh and view.lesson is not None
    return random_curve(view.saved, _curve(view)) if known else list(view.last.random)


def _stop(view: View) -> StopAdvice:
    if not len(view.situation.candidates):
        return FINISHED if view.situation.pool.task_ids.size else NO_TASKS
    if not view.afresh or view.lesson is None:
        return view.last.stop if view.last.stop not in (FINISHED, NO_TASKS) else NEW_TASKS
    return advice_on(view.situation, view.lesson, view.accuracies, view.questions)


PARTS: dict[str, Callable[[View], Any]] = {
    "head": _head,
    "classes": _classes,
    "curve": _curve,
    "stop": _stop,
    "per_label": _per_label,
    "confusion": _confusion,
    "suspects": _suspects,
    "second_opinions": _second_opinions,
    "annotators": _annotators,
    "savings": _savings,
    "random": _random,
}
TITLES = {
    "head": "the queue's first tasks",
    "classes": "how often each label was given",
    "curve": "the curve of the accuracy",
    "stop": "the advice to stop",
    "per_label": "the accuracy by label",
    "confusion": "which labels are confused",
    "suspects": "the list of likely wrong labels",
    "second_opinions": "which labels another annotator should look at",
    "annotators": "the annotators' agreement",
    "savings": "how many labels were saved",
    "random": "what random labeling would have reached",
}
