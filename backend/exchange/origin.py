"""Where an annotation came from, kept in Label Studio's own state.

An annotation there has an `import_id`, a number that its editor never touches. Ours says in 53 bits (more
would not survive a browser) which annotation of which tool this is, and what it said when it was written. So
Label Studio alone tells what has arrived already and what a person has changed since: no file of ours has to
be there, and a pull that was killed between any two writes goes on where it ended.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The other 25 tell annotations of one task apart.
CONTENT_BITS = 27
# The highest of 53 bits: no number that Label Studio gives itself is as large.
OURS = 1 << 52
_CONTENT = (1 << CONTENT_BITS) - 1
# Never to be changed: what earlier pulls have written is found again by it.
_NAMESPACE = uuid.UUID("6f1a1c4e-36a6-5a58-9b3e-0b8f6a2f0f5d")
# In the `meta` of each result, beside the note that annotators can write there.
META = "from"


@dataclass(frozen=True)
class Origin:
    """Which annotation of which tool.

    Attributes
    ----------
    tool : its name, such as "cvat"
    task_id : the task in Label Studio that it is about
    key : what tells it from all others of the tool about this task, today and in any later pull
    told : what people are told of it: job, frame, who annotated
    """

    tool: str
    task_id: int
    key: tuple[str | int, ...]
    told: Mapping[str, str | int] = field(default_factory=dict, hash=False, compare=False)

    @property
    def number(self) -> int:
        """The bits of `import_id` that say which annotation this is."""
        return (OURS | int.from_bytes(self._digest()[:7], "big") & (OURS - 1)) & ~_CONTENT

    @property
    def unique_id(self) -> str:
        """The annotation's `unique_id`: Label Studio refuses (409) to store a second one."""
        return str(uuid.uuid5(_NAMESPACE, self._digest().hex()))

    def stamp(self, result: list[dict[str, Any]], cancelled: bool) -> int:
        """Return the `import_id` under which this content is written."""
        return self.number | content_of(result, cancelled)

    def signed(self, result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the results with whence they came in their `meta`."""
        told = {"tool": self.tool, **self.told}
        return [r if r["type"] == "relation" else {**r, "meta": {META: told}} for r in result]

    def _digest(self) -> bytes:
        # As JSON: joined by any mark, two different keys could give one text.
        text = json.dumps([self.tool, self.task_id, *self.key])
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True)
class Mark:
    """Which annotation one in Label Studio is, and its content: as it was written, and as it is now."""

    annotation_id: int
    number: int
    written: int
    now: int


def mark_of(annotation: Mapping[str, Any]) -> Mark | None:
    """Return the mark of an annotation that a pull has written; None for any other."""
    stamp = annotation.get("import_id")
    if not isinstance(stamp, int) or not OURS <= stamp < 2 * OURS:
        return None
    now = content_of(annotation.get("result") or [], bool(annotation.get("was_cancelled")))
    return Mark(int(annotation["id"]), stamp & ~_CONTENT, stamp & _CONTENT, now)


def content_of(result: list[dict[str, Any]], cancelled: bool) -> int:
    """Return a number that changes with what an annotation says, but not with whence it came."""
    # Sorted: PostgreSQL gives the keys of an object back in an order of its own.
    text = json.dumps([_plain([_unsigned(each) for each in result]), cancelled], sort_keys=True)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & _CONTENT


def _unsigned(result: Any) -> Any:
    if not isinstance(result, Mapping) or not isinstance(result.get("meta"), Mapping):
        return result
    rest = {key: value for key, value in result["meta"].items() if key != META}
    return {
        **{key: value for key, value in result.items() if key != "meta"},
        **({"meta": rest} if rest else {}),
    }


def _plain(value: Any) -> Any:
    """Return a value as any database gives it back: 10 and 10.0 are one number."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
