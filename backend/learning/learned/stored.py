"""Answers as JSON and back, so that a tuple stays a tuple and a set a set."""

from __future__ import annotations

from typing import Any

from backend.learning.answers import Answer

PLAIN = (str, int, float, bool, type(None))


def to_json(answer: Answer) -> Any:
    """Return an answer as JSON values: plain ones as they are, others as an object that names their kind."""
    if isinstance(answer, PLAIN):
        return answer
    if isinstance(answer, frozenset):
        # Sorted, so that the same model gives the same bytes.
        return {"set": [to_json(part) for part in sorted(answer, key=str)]}
    if isinstance(answer, tuple):
        return {"tuple": [to_json(part) for part in answer]}
    raise TypeError(f"an answer of type {type(answer).__name__} cannot be stored")


def from_json(stored: Any) -> Answer:
    """Return the answer that gave these JSON values."""
    if isinstance(stored, PLAIN):
        return stored
    # One key, or it is none of ours: then this fails, as it should.
    ((kind, parts),) = stored.items()
    items = [from_json(part) for part in parts]
    return {"set": frozenset, "tuple": tuple}[kind](items)
