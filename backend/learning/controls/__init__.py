"""The controls that we learn from. A new one is one file and one line in CONTROLS."""

from __future__ import annotations

from backend.errors import LabelingConfigError
from backend.learning.controls.base import Control
from backend.learning.controls.choices import SingleChoice
from backend.learning.labeling_config import ControlTag, read_controls

CONTROLS: dict[str, type[Control]] = {"Choices": SingleChoice}

MOST_NAMED = 8

SUPPORTED = (
    'Supported: <Choices> with one choice (choice="single", the default) on <Text>, <HyperText> or <Image>, '
    "or on any object when the task data has an `embedding` or numeric fields."
)


def learnable_control(label_config: str) -> Control:
    """Return the first control of a labeling config that we learn from.

    Raises
    ------
    LabelingConfigError
        Names every control that was found, why it was passed over, and what is supported.
    """
    passed_over = []
    for tag in read_controls(label_config):
        reason = _why_not(tag)
        if reason is None:
            return CONTROLS[tag.tag].from_tag(tag)
        passed_over.append(f'<{tag.tag[:64]} name="{tag.name[:64]}">: {reason}')
    if len(passed_over) > MOST_NAMED:
        passed_over[MOST_NAMED:] = [f"and {len(passed_over) - MOST_NAMED} more"]
    found = "; ".join(passed_over) or "no control tag with name and toName"
    raise LabelingConfigError(f"label_config: nothing to learn from ({found}). {SUPPORTED}")


def _why_not(tag: ControlTag) -> str | None:
    control = CONTROLS.get(tag.tag)
    return control.why_not(tag) if control else "this control is not learned from yet"


__all__ = ["CONTROLS", "SUPPORTED", "Control", "SingleChoice", "learnable_control"]
