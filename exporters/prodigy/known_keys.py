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
_BOOKKEEPING = _words("_is_binary _is_whole _count")
_NUMBER, _TEXT = (int, float), (str, int)
_SPAN: dict[str, Any] = {
    **dict.fromkeys(
        _words("start end token_start token_end x y width height score priority rank channel"), _NUMBER
    ),
    **dict.fromkeys(_words("label id type color source text answer model"), str),
    **dict.fromkeys(_words("pattern input_hash hidden id"), (str, int, bool)),
    **dict.fromkeys(_words("points center"), list),
    "attributes": dict,
    "occluded": bool,
    **dict.fromkeys(_words("z_order group_id"), int),
    "parent_id": str,
}
_RELATION: dict[str, Any] = {
    **dict.fromkeys(_words("head child"), _NUMBER),
    **dict.fromkeys(_words("head_span child_span"), dict),
    **dict.fromkeys(_words("label color id"), _TEXT),
}
# A choice is what it is called: a picture or a sound that an option shows has no place elsewhere.
_OPTION: dict[str, Any] = {"id": (str, int, float), "text": str, "html": str, "style": dict, "meta": dict}
_TOKEN = _words("text start end id ws disabled style")
_PARTS = {"spans": _SPAN, "audio_spans": _SPAN, "relations": _RELATION, "options": _OPTION}


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
        elif key == "tokens":
            _note_tokens(value, place, ledger)
        elif key in _PARTS:
            _note_parts(value, _PARTS[key], key, place, ledger)
        elif key not in _TYPES and key not in _BOOKKEEPING:
            further[key] = value
    return further


def _note_tokens(tokens: list[Any], place: str, ledger: Ledger) -> None:
    """Count keys that tokens have not: a label can stand there."""
    found = [token for token in tokens if isinstance(token, dict)]
    for key in sorted(map(str, set().union(*found) - _TOKEN)):
        count = sum(1 for token in found if token.get(key) not in (None, "", [], {}))
        if count:
            ledger.drop("key", f"{key[:40]!r} in tokens is not known", place, count)


def _note_parts(parts: Any, known: Mapping[str, Any], home: str, place: str, ledger: Ledger) -> None:
    for part in parts:
        for key, value in part.items() if isinstance(part, dict) else ():
            wanted = known.get(key)
            if value is None or value in ("", [], {}) or (wanted is not None and isinstance(value, wanted)):
                continue
            what = "is not known" if wanted is None else "is of the wrong type"
            ledger.drop("key", f"{str(key)[:40]!r} in {home} {what}", place)
