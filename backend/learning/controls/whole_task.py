"""Which controls speak of the whole task, and have something to choose."""

from __future__ import annotations

from backend.learning.labeling_config import ControlTag


def why_not_the_whole_task(tag: ControlTag) -> str | None:
    """Return why a control's answers are not about the task as a whole; None when they are."""
    if tag.attributes.get("perRegion", "").lower() == "true":
        return f"a perRegion <{tag.tag}> asks about a region, not about the task"
    if tag.attributes.get("perItem", "").lower() == "true":
        return f"perItem {tag.tag} belong to one of several items, not to the task"
    if tag.repeated:
        return f"{tag.tag} in a <Repeater> belong to one of several objects, not to the task"
    return None


def why_no_choices(tag: ControlTag) -> str | None:
    """Return why a `<Choices>` offers nothing, and what would be right; None when it does."""
    if "value" in tag.attributes:
        return 'its value names no field of the task data ("$options")'
    return None if tag.labels else "it has no <Choice> tag"
