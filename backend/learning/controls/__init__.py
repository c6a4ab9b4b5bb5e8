"""The controls that we learn from. A new one is one file and one line in CONTROLS."""

from __future__ import annotations

from dataclasses import dataclass

from backend.errors import LabelingConfigError
from backend.learning.controls.base import Control
from backend.learning.controls.multiple_choice import MultipleChoice
from backend.learning.controls.number import Number
from backend.learning.controls.offered_choices import OfferedChoices
from backend.learning.controls.ordered import why_ordered
from backend.learning.controls.pairwise import Pairwise
from backend.learning.controls.per_part import PerPart
from backend.learning.controls.ranker import Ranker
from backend.learning.controls.rating import Rating
from backend.learning.controls.region_labels import RegionLabels
from backend.learning.controls.regions import Regions
from backend.learning.controls.single_choice import SingleChoice
from backend.learning.controls.spans import Spans
from backend.learning.controls.taxonomy import Taxonomy
from backend.learning.controls.wiring import why_incomplete, why_misplaced
from backend.learning.labeling_config import ControlTag, incomplete, read_config

# A tag is the first one's that takes it and has nothing against it; several may share a tag.
CONTROLS: list[type[Control]] = [
    SingleChoice,
    MultipleChoice,
    OfferedChoices,
    Taxonomy,
    Rating,
    Number,
    Pairwise,
    Ranker,
    PerPart,
    Spans,
    RegionLabels,
    Regions,
]
# They stand beside controls, and nobody answers them.
NO_QUESTIONS = frozenset(("filter", "relations"))

MOST_NAMED = 8
UNKNOWN = "this control is not known"

SUPPORTED = (
    "Supported: <Choices>, <Taxonomy>, <Rating>, <Number>, <Pairwise>, <Ranker>, labeled spans of texts, and "
    "which labels occur in a task of all controls that mark regions."
)


@dataclass(frozen=True)
class Questions:
    """What a labeling config asks that can be learned, in its order, and what it asks besides.

    Attributes
    ----------
    controls : one a question
    others : for each other control, its tag and why it is not learned
    """

    controls: tuple[Control, ...]
    others: tuple[tuple[ControlTag, str], ...] = ()

    @property
    def passed_over(self) -> tuple[str, ...]:
        """For each control that is not learned, what it is and why."""
        return tuple(f'<{tag.tag[:64]} name="{tag.name[:64]}">: {why}' for tag, why in self.others)

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
    config = read_config(label_config)
    controls: list[Control] = []
    others: list[tuple[ControlTag, str]] = []
    taken: set[str] = set()
    for tag in config.controls:
        if tag.tag.lower() in NO_QUESTIONS:
            continue
        found = why_misplaced(tag, config, taken) or _control_of(tag)
        # Learned or not: two controls of one name cannot be told apart in a result.
        taken.add(tag.name)
        if isinstance(found, Control):
            controls.append(found)
        else:
            others.append((tag, found))
    others += [
        (tag, why_incomplete(tag, config)) for tag in incomplete(config) if _control_of(tag) != UNKNOWN
    ]
    return Questions(tuple(controls), tuple(others))


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
        # Several kinds may share a tag: people are told what speaks against each, and can mend the nearest.
        reasons.append(reason)
    return "; ".join(reasons) or why_ordered(tag) or UNKNOWN


__all__ = [
    "CONTROLS",
    "SUPPORTED",
    "Control",
    "MultipleChoice",
    "Number",
    "OfferedChoices",
    "Pairwise",
    "PerPart",
    "Questions",
    "Ranker",
    "Rating",
    "RegionLabels",
    "Regions",
    "SingleChoice",
    "Spans",
    "Taxonomy",
    "learnable_controls",
    "read_questions",
]
