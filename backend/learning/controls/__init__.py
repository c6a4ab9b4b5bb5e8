"""The controls that we learn from. A new one is one file and one line in CONTROLS."""

from __future__ import annotations

from dataclasses import dataclass

from backend.errors import LabelingConfigError
from backend.learning.controls.base import Control
from backend.learning.controls.multiple_choice import MultipleChoice
from backend.learning.controls.rating import Rating
from backend.learning.controls.single_choice import SingleChoice
from backend.learning.controls.taxonomy import Taxonomy
from backend.learning.labeling_config import ControlTag, read_controls

# A tag is the first one's that takes it and has nothing against it; several may share a tag.
CONTROLS: list[type[Control]] = [SingleChoice, MultipleChoice, Taxonomy, Rating]

MOST_NAMED = 8

SUPPORTED = (
    "Supported: <Choices>, <Taxonomy> and <Rating> for the whole task, on <Text>, <HyperText>, <Paragraphs> "
    "or <Image>, or on any object when the task data has an `embedding` or numeric fields."
)


@dataclass(frozen=True)
class Questions:
    """What a labeling config asks that can be learned, in its order, and what it asks besides.

    Attributes
    ----------
    controls : one a question
    passed_over : for each other control, what it is and why it is not learned
    """

    controls: tuple[Control, ...]
    passed_over: tuple[str, ...]

    @property
    def why_none(self) -> str:
        """Why nothing is learned: every control that was passed over, and what is supported."""
        named = list(self.passed_over)
        if len(named) > MOST_NAMED:
            named[MOST_NAMED:] = [f"and {len(named) - MOST_NAMED} more"]
        found = "; ".join(named) or "no control tag with name and toName"
        return f"label_config: nothing to learn from ({found}). {SUPPORTED}"


def read_questions(label_config: str) -> Questions:
    """Return the questions of a labeling config.

    Raises
    ------
    LabelingConfigError
        When it is no labeling config.
    """
    controls, passed_over = [], []
    for tag in read_controls(label_config):
        found = _control_of(tag)
        if isinstance(found, Control):
            controls.append(found)
        else:
            passed_over.append(f'<{tag.tag[:64]} name="{tag.name[:64]}">: {found}')
    return Questions(tuple(controls), tuple(passed_over))


def learnable_controls(label_config: str) -> tuple[Control, ...]:
    """Return the controls of a labeling config that we learn from, one at least.

    Raises
    ------
    LabelingConfigError
        Names every control that was found, why it was passed over, and what is supported.
    """
    questions = read_questions(label_config)
    if not questions.controls:
        raise LabelingConfigError(questions.why_none)
    return questions.controls


def _control_of(tag: ControlTag) -> Control | str:
    """Return the control that a tag makes, or why it makes none, as the kinds that share the tag say it."""
    reasons = []
    for kind in CONTROLS:
        try:
            if not kind.takes(tag):
                continue
            reason = kind.why_not(tag)
            if reason is None:
                return kind.from_tag(tag)
        except Exception as error:  # noqa: BLE001  one broken kind must not keep the other questions from going on
            reason = f"{kind.__name__} failed on it: {type(error).__name__}: {error}"
        reasons.append(reason)
    return "; ".join(reasons) if reasons else "this control is not learned from yet"


__all__ = [
    "CONTROLS",
    "SUPPORTED",
    "Control",
    "MultipleChoice",
    "Questions",
    "Rating",
    "SingleChoice",
    "Taxonomy",
    "learnable_controls",
    "read_questions",
]
