"""What the loop needs of a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from backend.learning.labeling_config import ControlTag


class Control(Protocol):
    """Translates between annotation results and labels."""

    @classmethod
    def from_tag(cls, tag: ControlTag) -> Self:
        """Return the control that a tag describes."""

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        """Return why a tag cannot be learned from, and what could be instead; None when it can."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What an annotator can choose, in the config's order."""

    @property
    def object_tag(self) -> str:
        """The tag of the annotated object, such as "Text"."""

    @property
    def field(self) -> str:
        """The task data's field that the object shows."""

    def label_of(self, result: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the label that an annotation's result gives, or None when it gives none."""

    def result_for(self, label: str, probability: float) -> list[dict[str, Any]]:
        """Return the prediction result that shows `label` to an annotator."""
