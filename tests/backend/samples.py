"""Labeling configs and annotations that several tests use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from backend.label_studio.records import Annotation

TEXT_CONFIG = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="topic" toName="text" choice="single">
    <Choice value="cats"/><Choice value="money"/><Choice value="war" alias="conflict"/>
  </Choices>
</View>
"""
IMAGE_CONFIG = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img">'
    '<Choice value="dark"/><Choice value="light"/></Choices></View>'
)


def chosen(label: str, name: str = "topic", to_name: str = "text") -> list[dict[str, Any]]:
    """Return the result of an annotation that chooses one label."""
    value = {"choices": [label]}
    return [{"from_name": name, "to_name": to_name, "type": "choices", "value": value}]


def annotation(
    number: int, task: int, label: str | None, *, skipped: bool = False, truth: bool = False, at: str = ""
) -> Annotation:
    """Return an annotation as the snapshot gives it."""
    result = [] if label is None else chosen(label)
    return Annotation(number, task, result, skipped, truth, at or f"2026-01-01T00:00:{number:02d}.000000Z")


def shared(part: str) -> Path:
    """Return a folder of the shared real files, or skip the test."""
    root = Path(os.environ.get("CLEAN_AL_SHARED", Path(__file__).parents[3] / "shared"))
    if not (root / part).is_dir():
        pytest.skip(f"no shared files here: {part}")
    return root / part
