"""Which labels are probably wrong, and why somebody should look again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from backend.learning.controls import Control
from backend.loop.insights.held_out import HeldOut, Question
from backend.loop.insights.opinions import Opinion, name_of
from backend.store.insight import Suspect
from clean_al import suggest_relabels, suspect_labels
from clean_al.suspects import SuspectLabels

# More than anybody reads; a file that grows with every label would be slow to show.
MOST = 1000
# What the majority of three or more says against one, where no model has a voice.
OUTVOTED = 0.75

Opinions = Mapping[int, Sequence[Opinion]]


def suspects_of(question: Question) -> list[Suspect]:
    """Return the likely wrong labels of a question, the likeliest first."""
    held, opinions = question.held, question.opinions
    found = list(_contradicted(held, opinions)) if held is not None else []
    quarrels = {task: given for task, given in opinions.items() if len({o.answer for o in given}) > 1}
    if quarrels and held is not None and not held.several:
        found += _against_consensus(held, opinions, quarrels)
    else:
        found += _outvoted(question.control, quarrels)
    return ranked(found)


def ranked(found: Sequence[Suspect]) -> list[Suspect]:
    """Return suspects with the likeliest first, each annotation of a question once."""
    best: dict[tuple[int, int | None, str], Suspect] = {}
    for suspect in sorted(found, key=lambda s: (-s.score, s.task)):
        best.setdefault((suspect.task, suspect.annotation, suspect.question), suspect)
    return list(best.values())[:MOST]


def _contradicted(held: HeldOut, opinions: Opinions) -> Iterator[Suspect]:
    """Yield the labels that the model, near tasks or copies contradict; ground truth is nobody's suspect."""
    y = held.given.astype(int) if held.several else held.given.argmax(axis=1)
    classes = None if held.several else np.arange(len(held.labels))
    found = suspect_labels(y, held.probabilities, classes, X=held.space)
    for row in found.rows[found.accused[found.rows]]:
        task = int(held.task_ids[row])
        given = opinions.get(task, ())
        # Where annotators differ, they are heard against one another, below.
        if any(o.annotation.ground_truth for o in given) or len({o.answer for o in given}) > 1:
            continue
        suggested = found.suggested[row] if held.several else np.eye(len(held.labels))[found.suggested[row]]
        yield Suspect(
            task=task,
            given=held.name(held.given[row]),
            suggested=held.name(suggested),
            score=round(float(found.score[row]), 4),
            reason=_reason(found, int(row), held.name(suggested)),
            annotation=given[-1].annotation.id if given else None,
            question=held.control.name,
        )


def _reason(found: SuspectLabels, row: int, suggested: str) -> str:
    said = [f"a model that had not seen the label is {found.model[row]:.0%} for {suggested}"]
    if found.copied[row]:
        said.insert(0, f"a task with the same content has the label {suggested}")
    if found.neighbors[row] >= 0.5:
        said.append(f"{found.neighbors[row]:.0%} of the nearest labeled tasks have it")
    return "; ".join(said)


def _against_consensus(held: HeldOut, opinions: Opinions, quarrels: Opinions) -> Iterator[Suspect]:
    """Yield the answers that differ from what annotators and model hold together (ActiveLab)."""
    control = held.control
    rows = {int(task): i for i, task in enumerate(held.task_ids)}
    tasks = [task for task in opinions if task in rows]
    names = [
        {_voice(o): label for o in opinions[task] if (label := name_of(control, o.answer)) in held.labels}
        for task in tasks
    ]
    p = held.probabilities[[rows[task] for task in tasks]]
    p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
    judged = suggest_relabels(names, p, list(held.labels), len(tasks))
    sure = dict(zip(tasks, zip(judged.consensus, judged.confidence, strict=True), strict=True))
    for task, given in quarrels.items():
        if task in sure and not any(o.annotation.ground_truth for o in given):
            consensus, confidence = sure[task]
            chance = float(held.probabilities[rows[task], held.labels.index(consensus)])
            for one in given:
                if (label := name_of(control, one.answer)) != consensus:
                    model = f"a model that had not seen it is {chance:.0%} for {consensus}"
                    reason = f"{_told(control, given)}; {model}"
                    yield _suspect(control, one, label, str(consensus), float(confidence), reason)


def _voice(opinion: Opinion) -> str:
    """Return whose voice it is; of several annotations by one annotator each is one of its own."""
    by = opinion.annotation.by
    return f"annotation {opinion.annotation.id}" if by is None else str(by)


def _outvoted(control: Control, quarrels: Opinions) -> Iterator[Suspect]:
    """Yield the answers that a majority of the annotators contradicts, where no model can be asked."""
    for given in quarrels.values():
        settled = control.settle([o.answer for o in given])
        votes = Counter(o.answer for o in given)
        if any(o.annotation.ground_truth for o in given) or 2 * votes[settled] <= len(given):
            continue
        for one in given:
            if one.answer != settled:
                names = name_of(control, one.answer), name_of(control, settled)
                yield _suspect(control, one, *names, OUTVOTED, _told(control, given))


def _suspect(
    control: Control, one: Opinion, given: str, suggested: str, score: float, reason: str
) -> Suspect:
    said = one.annotation
    return Suspect(said.task, given, suggested, round(score, 4), reason, said.id, control.name)


def _told(control: Control, given: Sequence[Opinion]) -> str:
    """Return who said what."""
    return "annotators disagree: " + ", ".join(f"{o.who} says {name_of(control, o.answer)}" for o in given)
