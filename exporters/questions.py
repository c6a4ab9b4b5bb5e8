"""Which question a choice answers, where a format has one choice for a whole task."""

from __future__ import annotations

from collections.abc import Iterable

from exporters.records import Answer, Region


def are_mixed(regions: Iterable[Region]) -> bool:
    """Return whether choices of several controls stand side by side, and do not tell of which they are.

    "yes" to one question and "no" to another are lost without the questions.
    """
    answers = ((region.control, region.shape) for region in regions if type(region.shape) is Answer)
    return len({control for control, answer in answers if answer.kind == "choices"}) > 1
