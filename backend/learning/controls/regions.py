"""Regions without labels of their own (`<Rectangle>`, `<Brush>`, `<VideoRectangle>`): about how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.learning.controls.occurrences import Occurrences, items_of
from backend.learning.labeling_config import ControlTag

TAGS = frozenset(
    (
        "bitmask",
        "brush",
        "ellipse",
        "keypoint",
        "magicwand",
        "polygon",
        "rectangle",
        "vector",
        "videorectangle",
        "videovector",
    )
)
REGION = "regions"


class Regions(Occurrences):
    """A tool that draws regions; its one label is "regions"."""

    LEARNS = "about how many regions a task has; none is ever shown"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag.lower() in TAGS

    @property
    def offered(self) -> tuple[str, ...]:
        # One label, so that "about how often it occurs" is "about how many there are".
        return (REGION,)

    def found_in(self, result: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
        for key, item, _ in items_of(result):
            kind = str(item.get("type")).lower()
            # Its results go by what is drawn, or by the labels that this was given.
            if self.is_own(item) and (kind in TAGS or kind.endswith("labels")):
                yield key, REGION
