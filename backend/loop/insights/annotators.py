"""What each annotator has done, and how far others and the model agree with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from backend.label_studio.records import Annotation
from backend.loop.insights.held_out import HeldOut, Question
from backend.loop.insights.opinions import Opinion, name_of
from backend.store.insight import AnnotatorRecord, Suspect

# A longer gap between two annotations is a pause.
PAUSE_SECONDS = 300.0
# Of fewer gaps the pace is anybody's guess.
FEWEST_GAPS = 5


@dataclass
class _Tally:
    """What is counted of one annotator; agreements as [agreed, asked]."""

    labels: int = 0
    skips: int = 0
    times: list[str] = field(default_factory=list)
    others: list[int] = field(default_factory=lambda: [0, 0])
    model: list[int] = field(default_factory=lambda: [0, 0])
    suspects: int = 0


def annotators_of(
    annotated: Iterable[tuple[int, Sequence[Annotation]]],
    questions: Sequence[Question],
    suspects: Sequence[Suspect] = (),
) -> list[AnnotatorRecord]:
    """Return a record of each annotator, by id."""
    tallies: dict[int, _Tally] = defaultdict(_Tally)
    for _, given in annotated:
        for annotation in given:
            if annotation.by is not None:
                tally = tallies[annotation.by]
                tally.skips += annotation.was_cancelled
                tally.labels += not annotation.was_cancelled
                tally.times.append(annotation.updated_at)
    for question in questions:
        for answers in question.opinions.values():
            _compare(answers, tallies)
        if question.held is not None:
            _compare_with_model(question.held, question.opinions, tallies)
        _count_suspects(question, suspects, tallies)
    return [_record(who, tally) for who, tally in sorted(tallies.items())]


def _compare(given: Sequence[Opinion], tallies: dict[int, _Tally]) -> None:
    """Count for each annotator of a task how many of the others gave the same answer."""
    for i, one in enumerate(given):
        if one.annotation.by is None:
            continue
        others = [o for j, o in enumerate(given) if j != i and o.annotation.by != one.annotation.by]
        pair = tallies[one.annotation.by].others
        pair[0] += sum(o.answer == one.answer for o in others)
        pair[1] += len(others)


def _compare_with_model(
    held: HeldOut, opinions: Mapping[int, Sequence[Opinion]], tallies: dict[int, _Tally]
) -> None:
    for task, row in zip(held.task_ids.tolist(), held.guessed, strict=True):
        guess = held.name(row)
        for one in opinions.get(task, ()):
            if one.annotation.by is not None:
                pair = tallies[one.annotation.by].model
                pair[0] += _same(guess, name_of(held.control, one.answer))
                pair[1] += 1


def _count_suspects(question: Question, suspects: Sequence[Suspect], tallies: dict[int, _Tally]) -> None:
    """Count a likely wrong label for everybody who has given it."""
    name = question.control.name
    wrong = {(s.task, s.given) for s in suspects if s.question == name}
    for task, given in wrong:
        answers = question.opinions.get(task, ())
        said = [o.annotation.by for o in answers if name_of(question.control, o.answer) == given]
        for who in {by for by in said if by is not None}:
            tallies[who].suspects += 1


def _same(guess: str, answer: str) -> bool:
    return sorted(guess.split(", ")) == sorted(answer.split(", "))


def _record(who: int, tally: _Tally) -> AnnotatorRecord:
    return AnnotatorRecord(
        who,
        tally.labels,
        tally.skips,
        _share(tally.others),
        _share(tally.model),
        _pace(tally.times),
        tally.suspects,
    )


def _share(pair: Sequence[int]) -> float | None:
    return round(pair[0] / pair[1], 4) if pair[1] else None


def _pace(times: Iterable[str]) -> float | None:
    """Return annotations an hour while at work: gaps longer than a pause do not count."""
    moments = sorted(datetime.fromisoformat(time).timestamp() for time in times if time)
    gaps = [b - a for a, b in pairwise(moments) if 0 < b - a <= PAUSE_SECONDS]
    return round(3600 * len(gaps) / sum(gaps), 1) if len(gaps) >= FEWEST_GAPS else None
