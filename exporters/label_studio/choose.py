"""Which annotations of a task are asked for: all, the latest, or the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def chosen(things: Sequence[T], choice: str, head: Callable[[T], Mapping[str, Any]]) -> list[T]:
    """Return those of a task's annotations that `annotators` asks for; `head` gives the annotation itself."""
    if choice == "all":
        return list(things)
    if choice == "ground_truth":
        return [thing for thing in things if head(thing).get("ground_truth")]
    # A skipped one is the latest word only where there is no other.
    done = [thing for thing in things if not head(thing).get("was_cancelled")] or things
    return [max(done, key=lambda thing: _when(head(thing)))] if done else []


def why_not(choice: str) -> str:
    """Return why the others are left out, as the report says it."""
    return f"not chosen by annotators={choice}"


def _when(annotation: Mapping[str, Any]) -> str:
    # Label Studio writes ISO times in UTC: as texts they are in order of time.
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")
