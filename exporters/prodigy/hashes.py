"""Prodigy's hashes of an input and of a task, by which it knows what it has asked already.

They are MurmurHash3 (x86, 32 bit, seed 0; Austin Appleby, public domain) of the parts that make the input or
the task what it is, and come out as in Prodigy's own files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# In this order: they are hashed one behind the other.
INPUT_KEYS = ("text", "image", "html", "input")
TASK_KEYS = ("spans", "label", "options", "arcs")
IGNORED_KEYS = frozenset(
    (
        "score",
        "rank",
        "model",
        "source",
        "pattern",
        "priority",
        "path",
        "_view_id",
        "_session_id",
        "_annotator_id",
        "answer",
    )
)
_WORD = 0xFFFFFFFF


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """Return the 32 bit hash as a signed integer."""
    state = seed
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        state ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        state = (state << 13 | state >> 19) & _WORD
        state = (state * 5 + 0xE6546B64) & _WORD
    if whole < len(data):
        state ^= _mixed(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & _WORD
    state = (state ^ state >> 13) * 0xC2B2AE35 & _WORD
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def _mixed(word: int) -> int:
    word = word * 0xCC9E2D51 & _WORD
    word = (word << 15 | word >> 17) & _WORD
    return word * 0x1B873593 & _WORD


def _text(value: Any) -> str:
    # As Prodigy's own library writes it, blanks and escapes included: any other spelling hashes otherwise.
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _kept(entry) for key, entry in value.items() if key not in IGNORED_KEYS}
    return [_kept(entry) for entry in value] if isinstance(value, list) else value


def input_hash(task: Mapping[str, Any]) -> int:
    """Return the hash of what is shown."""
    parts = [f"{key}={_text(task[key])}" for key in INPUT_KEYS if key in task]
    return murmur3_32("".join(parts or [_text(_kept(task))]).encode())


def task_hash(task: Mapping[str, Any], of_input: int) -> int:
    """Return the hash of what is asked about it: its spans, label and options, before the answer."""
    parts = [f"{key}={_text(_kept(task[key]))}" for key in TASK_KEYS if key in task]
    rest = parts or [_text(_kept({**task, "_input_hash": of_input}))]
    return murmur3_32((str(of_input) + "".join(rest)).encode())


def with_hashes(task: dict[str, Any]) -> dict[str, Any]:
    """Return the task with both hashes."""
    of_input = input_hash(task)
    return {**task, "_input_hash": of_input, "_task_hash": task_hash(task, of_input)}
