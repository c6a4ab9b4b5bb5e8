"""What a caller may choose about Label Studio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelStudioOptions:
    """Options of Label Studio alone.

    Attributes
    ----------
    label_config_type : str, optional
        The type of the labeling config written beside the tasks; by default the one that fits what was found.
    """

    label_config_type: str | None = None
