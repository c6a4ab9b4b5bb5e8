"""What travels from Label Studio to the rest, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Annotation:
    """One finished or skipped annotation, as Label Studio holds it; `by` is its annotator's id if known."""

    id: int
    task: int
    result: list[dict[str, Any]]
    was_cancelled: bool
    ground_truth: bool
    updated_at: str
    by: int | None = None
