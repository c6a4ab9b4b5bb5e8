"""Single-choice `<Choices>`: one label for the whole task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.learning.labeling_config import ControlTag


@dataclass(frozen=True)
class SingleChoice:
    """A `<Choices>` control of which an annotator picks one."""

    name: str
    to_name: str
    object_tag: str
    field: str
    labels: tuple[str, ...]

    @classmethod
    def from_tag(cls, tag: ControlTag) -> SingleChoice:
        return cls(tag.name, tag.to_name, tag.object_tag, tag.field, tag.labels)

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        """Return why a `<Choices>` tag cannot be learned from, or None when it can."""
        if tag.attributes.get("choice", "single") == "multiple":
            return 'choice="multiple" is not learned from yet; use choice="single"'
        if tag.attributes.get("perRegion", "").lower() == "true":
            return "perRegion choices belong to a region, not to the task"
        if tag.attributes.get("perItem", "").lower() == "true":
            return "perItem choices belong to one of several items, not to the task"
        if tag.repeated:
            return "choices in a <Repeater> belong to one of several objects, not to the task"
        if tag.nested:
            return "nested choices are not learned from yet; use a flat list"
        if "value" in tag.attributes:
            return "its choices come from task data (value=...); write them into the config"
        if len(tag.labels) < 2:
            return "it has fewer than two <Choice> tags"
        return None

    def label_of(self, result: Sequence[Mapping[str, Any]]) -> str | None:
        for item in result:
            # Annotations may be imported, and hold anything.
            if not isinstance(item, Mapping) or item.get("from_name") != self.name:
                continue
            value = item.get("value")
            choices = value.get("choices") if isinstance(value, Mapping) else None
            if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], str):
                return choices[0]
        return None

    def result_for(self, label: str, probability: float) -> list[dict[str, Any]]:
        return [
            {
                "from_name": self.name,
                "to_name": self.to_name,
                "type": "choices",
                "value": {"choices": [label]},
                "score": round(float(probability), 4),
            }
        ]
