"""What one round saw and did, in words and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backend.learning.accuracy import Accuracy
from backend.learning.labels import Labels
from backend.learning.vectorize import VECTORIZERS, Gaps
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.models import Published

# Of why values could not be read; what is rarer is counted only.
MOST_REASONS = 8
# Of the tasks whose annotations should be corrected.
MOST_NAMED = 5


# The outcome of a round in a project of which not even an order can be made.
NOT_ORDERABLE = "cannot be ordered"
# The outcome of serving an earlier model again.
ROLLED_BACK = "rolled back"
PUBLISHED = "published"


@dataclass(frozen=True)
class QuestionReport:
    """How one question of a project stands.

    Attributes
    ----------
    labels : tasks that have an answer to it
    classes : how many tasks carry each label
    missing : why nothing has been learned; None when something has
    """

    name: str
    control: str
    labels: int
    classes: dict[str, int]
    missing: str | None
    accuracy: Accuracy


@dataclass(frozen=True)
class RoundReport:
    """What one round saw and did; it is what `clean-al status` shows.

    Attributes
    ----------
    labels : tasks with an answer to any question
    skipped : how many of the candidates were skipped by all who saw them
    classes, accuracy : those of the first question
    restored : the earlier version whose model is served again; None after a round that has learned
    options : the project's options that the round went by
    stored : predictions of the head that Label Studio holds; 0 where that was not counted
    faults : what of the annotations could not be used, and what would help; `notes` has them, too
    unread : what could not be read of the tasks, and what would help; `notes` has it, too
    means : what there was to read media with, see `backend.label_studio.media`
    """

    project: int
    outcome: str
    version: str | None
    fence: int
    tasks: int = 0
    labels: int = 0
    candidates: int = 0
    skipped: int = 0
    head: int = 0
    stored: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    has_model: bool = False
    accuracy: Accuracy = field(default_factory=Accuracy)
    questions: tuple[QuestionReport, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    means: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    ended_at: str = ""
    restored: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def report_on(
    situation: Situation,
    outcome: str,
    published: Published,
    fence: int,
    accuracies: dict[str, Accuracy],
    lesson: Lesson | None,
    seconds: dict[str, float],
) -> RoundReport:
    """Return the report of a round; without a lesson, of one that found nothing new to learn."""
    missing = lesson.missing if lesson else {}
    faults = tuple(faults_in(situation))
    questions = tuple(
        QuestionReport(
            name=labels.control.name,
            control=labels.control.tag.tag,
            labels=len(labels),
            classes=labels.counts,
            missing=missing.get(labels.control.name),
            accuracy=accuracies.get(labels.control.name, Accuracy()),
        )
        for labels in situation.labels.questions
    )
    return RoundReport(
        project=situation.project["id"],
        outcome=outcome,
        version=published.version,
        fence=fence,
        tasks=len(situation.pool.task_ids),
        labels=len(situation.labels),
        candidates=len(situation.candidates),
        skipped=sum(int(task) in situation.labels.skipped for task in situation.candidates),
        head=len(published.head),
        stored=published.stored or 0,
        classes=questions[0].classes if questions else {},
        has_model=published.has_model,
        accuracy=questions[0].accuracy if questions else Accuracy(),
        questions=questions,
        notes=(*situation.notes, *faults, *_asked_again(published), *_notes(situation, missing)),
        faults=faults,
        unread=tuple(_gaps(situation.pool.features.gaps)),
        means=situation.means,
        seconds=seconds,
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        options=situation.options.model_dump(mode="json"),
    )


def _asked_again(published: Published) -> Iterator[str]:
    if n := len(published.second):
        tasks = "1 labeled task" if n == 1 else f"{n} labeled tasks"
        yield f"asks for a second opinion on {tasks}, likelier wrong than the model is on new ones"


def _notes(situation: Situation, missing: Mapping[str, str]) -> Iterator[str]:
    unreadable = int((~situation.pool.features.readable).sum())
    if unreadable:
        kinds = " or ".join(dict.fromkeys(spec.kind for spec in situation.pool.reader.inputs))
        yield f"{unreadable} tasks have no readable {kinds}; they come last"
    inputs = situation.pool.reader.inputs
    yield from filter(None, (VECTORIZERS[spec.kind].told_of(spec.fields) for spec in inputs))
    yield from _gaps(situation.pool.features.gaps)
    questions = situation.labels.questions
    for labels in questions:
        of = f"{labels.control.name}: " if len(questions) > 1 else ""
        yield from (of + note for note in _notes_on(labels))
        why = missing.get(labels.control.name, "")
        if why.startswith("learning failed") or (why and len(questions) > 1):
            yield f"{labels.control.name}: {why}"


def _gaps(gaps: Gaps | None) -> Iterator[str]:
    """Yield why values could not be read, the most frequent reasons first."""
    counts = list((gaps.counts() if gaps else {}).items())
    for reason, n in counts[:MOST_REASONS]:
        yield f"{n} {'task' if n == 1 else 'tasks'}: {reason}"
    if len(counts) > MOST_REASONS:
        yield f"{len(counts) - MOST_REASONS} more reasons why something could not be read"


def faults_in(situation: Situation) -> Iterator[str]:
    """Yield what of the annotations cannot be used, and what would help."""
    for labels in situation.labels.questions:
        control = labels.control
        of = f"{control.name}: " if len(situation.labels.questions) > 1 else ""
        if labels.left_config:
            gone = ", ".join(f"{label} ({n})" for label, n in sorted(labels.left_config.items()))
            yield f"{of}labels that the config no longer has, not learned from: {gone}"
        if labels.unreadable:
            yield (
                f"{of}{labels.unreadable} tasks have an annotation that makes no sense here; not learned from"
            )
        wrong, what = control.misplaced(situation.tasks(labels.task_ids), labels.answers)
        if len(wrong):
            some = ", ".join(map(str, wrong[:MOST_NAMED])) + (", ..." if len(wrong) > MOST_NAMED else "")
            yield f"{of}{len(wrong)} tasks have {what}; correct them: {some}"


def _notes_on(labels: Labels) -> Iterator[str]:
    if labels.never_seen and len(labels):
        yield f"labels never chosen yet: {', '.join(labels.never_seen)}"
    if labels.disagreeing:
        yield f"annotators disagree on {labels.disagreeing} tasks; {labels.control.settled_by}"
