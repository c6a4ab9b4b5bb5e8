"""Prodigy's JSON Lines as a format: reader, writer and options."""

from __future__ import annotations

from collections.abc import Iterator

from exporters.contract import Format, Head, Job
from exporters.inputs import Readable
from exporters.json_stream import read_objects
from exporters.prodigy.options import ProdigyOptions
from exporters.prodigy.reader import ProdigyReader
from exporters.prodigy.writer import ProdigyWriter, WrittenPieces
from exporters.records import Item

# A line of Prodigy has one of these; an array of its tasks one of `_SIGNED`, for others write arrays as well.
_KEYS = frozenset(
    ("text", "image", "audio", "video", "html", "spans", "tokens", "options", "label", "answer")
)
_SIGNED = frozenset(("_input_hash", "_task_hash", "_session_id", "_view_id", "answer"))
_SHOWN = frozenset(("text", "image", "audio", "video", "html"))
_OF_OTHERS = frozenset(("annotations", "completions", "predictions", "result", "annotation_id"))


def _recognizes(head: Head) -> bool:
    found = set(head.first)
    # In JSON_MIN any control can be called so.
    if head.first.get("answer") not in (None, "accept", "reject", "ignore"):
        found.discard("answer")
    signs = _SIGNED if head.start.startswith(b"[") else _SIGNED | _KEYS
    # Our own lines have `data` as well, beside what they show; tasks of Label Studio show nothing but that.
    if "data" in found and not (_SHOWN & found and isinstance(head.first["data"], dict)):
        return False
    return bool(signs & found) and not _OF_OTHERS & found


def _read(file: Readable, name: str, job: Job) -> Iterator[Item]:
    return ProdigyReader(job.ledger, job.declared).read(read_objects(file, name))


PRODIGY = Format(
    title="Prodigy JSON Lines",
    suffix=".jsonl",
    recognizes=_recognizes,
    read=_read,
    write=ProdigyWriter,
    options=ProdigyOptions,
    pieces=WrittenPieces,
)
