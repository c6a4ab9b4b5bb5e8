"""Controls whose names do not hold together: which they are, and what would be right."""

from __future__ import annotations

from collections.abc import Set

from backend.learning.labeling_config import ControlTag, LabelingConfig, names_in


def why_misplaced(tag: ControlTag, config: LabelingConfig, taken: Set[str]) -> str | None:
    """Return why a control's answers could not be told from others', or be shown; None when they can.

    Parameters
    ----------
    taken : the names of the controls before it
    """
    if tag.name in taken:
        return f'another control has the name "{tag.name[:64]}", too: answers go by it; give each its own'
    lost = [name for name in tag.to_names if name not in names_in(config)]
    if lost:
        return f'its toName="{lost[0][:64]}" names nothing in this config; {_example(config)}'
    return None


def why_incomplete(tag: ControlTag, config: LabelingConfig) -> str:
    """Return which of the two names of a control is missing."""
    if not tag.name:
        return 'it has no name, by which its answers go; write, say, name="answer"'
    return f"it has no toName, which says what it is about; {_example(config)}"


def _example(config: LabelingConfig) -> str:
    names = [shown.name for shown in config.objects]
    return f'write toName="{names[0][:64]}"' if names else "add an object, such as <Text>, and name it"
