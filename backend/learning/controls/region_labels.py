"""Labeled regions (`<RectangleLabels>`, `<Labels>` on audio and many more): which labels, about how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.learning.controls.occurrences import Occurrences, items_of
from backend.learning.labeling_config import ControlTag


class RegionLabels(Occurrences):
    """Any control whose tag ends in `Labels`, on whatever object."""

    LEARNS = "which labels occur in a task and about how many; no region is ever shown"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag.lower().endswith("labels")

    @property
    def offered(self) -> tuple[str, ...]:
        return () if self.tag.dynamic is not None else self.tag.labels

    def found_in(self, result: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
        for key, item, value in items_of(result):
            labels = _labels(value)
            if self.is_own(item) or self._is_beside(item, labels):
                yield from ((key, label) for label in labels)

    def _is_beside(self, item: Mapping[str, Any], labels: Sequence[str]) -> bool:
        """Whether a tool of its own carries these labels, as `<VideoRectangle>` does those of `<Labels>`."""
        is_tool = self.tag.tag.lower() == "labels" and not str(item.get("type")).lower().endswith("labels")
        # Another object's tool has its own labels beside it.
        on_same = item.get("to_name") in self.tag.to_names
        return is_tool and on_same and bool(labels) and set(labels) <= set(self.tag.labels)


def _labels(value: Mapping[str, Any]) -> list[str]:
    lists = (each for key, each in value.items() if key.endswith("labels") and isinstance(each, list))
    return [label for each in lists for label in each if isinstance(label, str)]
