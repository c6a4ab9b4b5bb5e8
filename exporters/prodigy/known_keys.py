"""The keys that Prodigy writes, and their types: anything else is counted, or carried as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.report import Ledger


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Keys that are read: what stands there in another type is not.
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_words("text html image audio video label answer transcript"), str),
    **dict.fromkeys(_words("spans audio_spans relations accept options tokens"), list),
    **dict.fromkeys(_words("meta config cats answers data"), dict),
    **dict.fromkeys(_words("width height priority score _input_hash _task_hash _timestamp"), (int, float)),
    **dict.fromkeys(_words("_annotator_id _session_id _view_id"), (str, int)),
}
_ANSWERS = _words("accept reject ignore")
_BOOKKEEPING = _words("_is_binary _is_whole _count rank view_id model source pattern")
_SPAN = _words(
    "start end token_start token_end label id score type points x y width height center color hidden source "
    "pattern priority rank attributes text input_hash answer model channel"
)
_PARTS = {
    "spans": _SPAN,
    "audio_spans": _SPAN,
    "relations": _words("head child label head_span child_span color id"),
}


def note_unknown(task: Mapping[str, Any], place: str, ledger: Ledger) -> dict[str, Any]:
    """Count what is not read, key by key; return plain values under unknown keys: they go along as data."""
    further = {}
    for key, value in task.items():
        if value is None or value in ("", [], {}):
            continue
        wanted: Any = _TYPES.get(key, (str, int, float))
        if not isinstance(value, wanted) or (isinstance(value, bool) and key in _TYPES):
            what = "is of the wrong type" if key in _TYPES else "is not known"
            ledger.drop("key", f"{key[:40]!r} {what}", place)
        elif key == "answer" and value not in _ANSWERS:
            ledger.drop("key", f"'answer' is {str(value)[:20]!r}, not accept, reject or ignore", place)
        elif key in _PARTS:
            _note_parts(value, _PARTS[key], key, place, ledger)
        elif key not in _TYPES and key not in _BOOKKEEPING:
            further[key] = value
    return further


def _note_parts(parts: Any, known: frozenset[str], home: str, place: str, ledger: Ledger) -> None:
    for part in parts:
        if isinstance(part, dict) and not part.keys() <= known:
            for key in sorted(map(str, part.keys() - known)):
                if part.get(key) not in (None, "", False, [], {}):
                    ledger.drop("key", f"{key[:40]!r} in {home} is not known", place)
