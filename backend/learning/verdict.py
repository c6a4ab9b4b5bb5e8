"""What becomes of a project by its labeling config: what is learned, what only ordered, what is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.errors import LabelingConfigError
from backend.learning.controls import Questions, read_questions
from backend.learning.inputs import choose_inputs
from backend.learning.labeling_config import ControlTag, ObjectTag, shown_objects
from backend.learning.vectorize import VECTORIZERS, Standing

Inputs = tuple[tuple[str, tuple[str, ...]], ...]
"""What is read of each task, as (kind, fields)."""


class Outcome(StrEnum):
    """What the loop does for a project, or with one of its controls."""

    LEARNED = "learned"
    ORDERED = "ordered"
    REFUSED = "refused"


@dataclass(frozen=True)
class ControlVerdict:
    """What becomes of one control.

    Attributes
    ----------
    tag, name : as in the config
    outcome : learned, or ordered: then it takes no part, and the tasks are ordered without it
    why : what is learned of it, or why nothing is
    """

    tag: str
    name: str
    outcome: Outcome
    why: str


@dataclass(frozen=True)
class ObjectVerdict:
    """What is read of one thing that annotators are shown.

    Attributes
    ----------
    tag, name, value : as in the config
    read_as : the kinds of VECTORIZERS that read it; none where it is not read
    """

    tag: str
    name: str
    value: str
    read_as: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a project.

    Attributes
    ----------
    outcome : refused where nothing can be read; ordered where nothing is learned
    why : the reason, in a sentence
    controls, objects : each by itself, in the config's order
    inputs : what is read of each task, as (kind, fields); more than the objects where the data have numbers
    """

    outcome: Outcome
    why: str
    controls: tuple[ControlVerdict, ...] = ()
    objects: tuple[ObjectVerdict, ...] = ()
    inputs: Inputs = ()


def judge(label_config: str, sample: Sequence[Mapping[str, Any]] = (), named: Sequence[str] = ()) -> Verdict:
    """Return what becomes of a project with this labeling config; one that is no config is refused.

    Parameters
    ----------
    sample : the data of some tasks; without any, objects are judged by their tags
    named : the fields that the project's option `features` names
    """
    try:
        questions, shown = read_questions(label_config), shown_objects(label_config)
    except LabelingConfigError as error:
        return Verdict(Outcome.REFUSED, str(error))
    inputs: Inputs = ()
    unread = ""
    try:
        inputs = tuple((spec.kind, spec.fields) for spec in choose_inputs(shown, sample, named))
    except LabelingConfigError as error:
        unread = str(error)
    controls, objects = judge_controls(questions), tuple(_object(o, sample, inputs) for o in shown)
    if not controls:
        unread = "the labeling config has no control with name and toName: there is nothing to answer"
    if unread:
        return Verdict(Outcome.REFUSED, unread, controls, objects)
    learned = [c for c in controls if c.outcome is Outcome.LEARNED]
    if learned:
        return Verdict(Outcome.LEARNED, f"learns {_names(learned)}", controls, objects, inputs)
    why = f"only ordered, by how typical and varied the tasks are; {_names(controls[:1])}: {controls[0].why}"
    return Verdict(Outcome.ORDERED, why, controls, objects, inputs)


def judge_controls(questions: Questions) -> tuple[ControlVerdict, ...]:
    """Return what becomes of each control, those that are learned first."""
    learned = ((control.tag, Outcome.LEARNED, control.LEARNS) for control in questions.controls)
    others = ((tag, Outcome.ORDERED, why) for tag, why in questions.others)
    return tuple(_control(*each) for each in (*learned, *others))


def _control(tag: ControlTag, outcome: Outcome, why: str) -> ControlVerdict:
    return ControlVerdict(tag.tag, tag.name, outcome, why)


def _object(shown: ObjectTag, sample: Sequence[Mapping[str, Any]], inputs: Inputs) -> ObjectVerdict:
    # What needs no object, such as an embedding, reads none of them; what comes last seldom does.
    used = {kind for kind, _ in inputs}
    kinds = (
        name
        for name, kind in VECTORIZERS.items()
        if (kind.STANDING is not Standing.LAST or name in used)
        and kind.fields_in([shown], sample, ())
        and not kind.fields_in([], sample, ())
    )
    return ObjectVerdict(shown.tag, shown.name, shown.value.text, tuple(kinds))


def _names(controls: Sequence[ControlVerdict]) -> str:
    return ", ".join(f"{c.name or 'no name'} (<{c.tag}>)" for c in controls)
