"""Controls of which nothing can be learned: the tasks are ordered without them, and people are told why."""

from __future__ import annotations

from backend.learning.labeling_config import ControlTag

_WRITTEN = "what annotators write is not learned from"
# By the tag in lower case.
ORDERED: dict[str, str] = {
    "textarea": _WRITTEN,
    "datetime": "a date is not learned from",
    "chat": "a conversation that annotators write is not learned from",
    "number": "numbers about a region, an item or a repeated part are not learned from",
    "pairwise": "comparisons in a <Repeater> are not learned from",
    "ranker": "rankings in a <Repeater> are not learned from",
    "custominterface": "an interface of your own may hold any answer",
    "reactcode": "an interface of your own may hold any answer",
}


def why_ordered(tag: ControlTag) -> str | None:
    """Return why a control takes no part in learning, though the tasks get an order; None for others."""
    return ORDERED.get(tag.tag.lower())
