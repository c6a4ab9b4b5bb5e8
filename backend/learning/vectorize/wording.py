"""The words that an annotator reads in an object of a labeling config, tag by tag."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from backend.learning.vectorize.fetching import no_such
from backend.learning.vectorize.gaps import Unread
from exporters.markup import pieces

MAX_CHARACTERS = 20_000
# Markup is several times as long as what it shows; what comes later is not read.
MAX_MARKUP = 20 * MAX_CHARACTERS

Wording = Callable[[Any, Mapping[str, str]], str]

_NOT_SHOWN = frozenset(("script", "style", "head", "template", "noscript"))
_INLINE = frozenset(("a", "abbr", "b", "code", "em", "font", "i", "mark", "small", "span", "strong", "u"))
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.\-]*://|data:|/)\S+\s*$", re.IGNORECASE)
_BINARY = (b"\x00", b"\x01", b"\x02")


def as_text(value: Any) -> str:
    """Return a task value as text; lists of strings (dialogues, tables) are joined line by line."""
    if value is None or isinstance(value, Unread):
        return ""
    if isinstance(value, str):
        return value[:MAX_CHARACTERS]
    return "\n".join(_strings(value))[:MAX_CHARACTERS]


def decoded_text(content: bytes) -> Any:
    """Return the text in a file; an `Unread` where it holds none."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if content.startswith(b"%PDF") or any(byte in content[:2000] for byte in _BINARY):
        return no_such("text", content)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # What Windows wrote before UTF-8; nearly every byte is some character in it.
        return content.decode("cp1252", "replace")


def _plain(value: Any, how: Mapping[str, str]) -> str:
    # There is "base64unicode", too, and UTF-8 in either.
    if how.get("encoding", "").startswith("base64") and isinstance(value, str):
        try:
            return as_text(base64.b64decode(value, validate=True).decode("utf-8", "replace"))
        except (binascii.Error, ValueError):
            return as_text(value)
    return as_text(value)


def without_markup(value: Any, how: Mapping[str, str] | None = None) -> str:
    """Return what a browser shows of HTML, blocks on lines of their own."""
    text = _plain(value, how or {}) if not isinstance(value, str) or how else value
    lines = (" ".join(line.split()) for line in _shown(text[:MAX_MARKUP]).split("\n"))
    return "\n".join(line for line in lines if line)[:MAX_CHARACTERS]


def _dialogue(value: Any, how: Mapping[str, str]) -> str:
    """Return who said what, a line each: `name: text`."""
    name_key, text_key = how.get("nameKey") or "author", how.get("textKey") or "text"
    lines = []
    for turn in _items(value):
        if isinstance(turn, Mapping) and text_key in turn:
            name, said = as_text(turn.get(name_key)), as_text(turn[text_key])
            lines.append(f"{name}: {said}" if name else said)
        else:
            lines.append(as_text(turn))
    return "\n".join(lines)[:MAX_CHARACTERS]


def _old_dialogue(value: Any, how: Mapping[str, str]) -> str:
    return _dialogue(value, {"nameKey": "name"} | dict(how))


def _chat(value: Any, how: Mapping[str, str]) -> str:
    return _dialogue(value, {"nameKey": "role", "textKey": "content"} | dict(how))


def _interface(value: Any, how: Mapping[str, str]) -> str:
    """Return the words in what an interface of one's own is given; addresses of files say nothing."""
    return "\n".join(text for text in _strings(_parsed(value)) if not _ADDRESS.match(text))[:MAX_CHARACTERS]


def _table(value: Any, how: Mapping[str, str]) -> str:
    """Return a line for each row: `key: value`, or the cells."""
    value = _parsed(value)
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {as_text(cell)}" for key, cell in value.items())[:MAX_CHARACTERS]
    rows = (_table(row, how) if isinstance(row, Mapping) else as_text(row) for row in _items(value))
    return "\n".join(rows)[:MAX_CHARACTERS]


def _list(value: Any, how: Mapping[str, str]) -> str:
    """Return the items as shown: title, body, and what their HTML shows; an id is not shown."""
    lines = []
    for item in _items(value):
        if isinstance(item, Mapping):
            shown = [as_text(item.get("title")), as_text(item.get("body")), without_markup(item.get("html"))]
            lines.append("\n".join(part for part in shown if part))
        else:
            lines.append(as_text(item))
    return "\n".join(lines)[:MAX_CHARACTERS]


# A new tag that shows words is a line here.
WORDINGS: dict[str, Wording] = {
    "Text": _plain,
    "HyperText": without_markup,
    "Markdown": _plain,
    "Paragraphs": _dialogue,
    "Chat": _chat,
    "Dialog": _old_dialogue,
    "Header": _plain,
    "Table": _table,
    "List": _list,
    "ReactCode": _interface,
    "CustomInterface": _interface,
}
# The attributes that say how the words are found.
ATTRIBUTES = ("valueType", "encoding", "nameKey", "textKey")


def _items(value: Any) -> Iterable[Any]:
    value = _parsed(value)
    if isinstance(value, list):
        return value
    return () if value is None or value == "" else (value,)


def _parsed(value: Any) -> Any:
    """Return what stands in JSON that came as a text, as from a file or a CSV import."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _strings(value: Any) -> Iterator[str]:
    # A stack, not recursion: task data may be nested as deeply as JSON allows.
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list):
            waiting.extend(reversed(part))
        elif part is not None:
            yield str(part)


def _shown(source: str) -> str:
    """Return the texts between tags, with a line break for each tag that is none of `_INLINE`."""
    parts: list[str] = []
    hidden: list[str] = []
    for kind, value in pieces(source):
        if kind == "text":
            # A line break in the source is a blank on the page.
            parts += [] if hidden else [value.replace("\n", " ")]
            continue
        if kind == "start" and value in _NOT_SHOWN:
            hidden.append(value)
        # Markup of others closes tags that it never opened.
        elif kind == "end" and hidden and value == hidden[-1]:
            hidden.pop()
        parts += [] if value in _INLINE else ["\n"]
    return "".join(parts)
