"""Where a text region lies, in code points of the text that is shown.

Label Studio counts code points in plain and rich text today, UTF-16 units in earlier releases, and UTF-16
units in dialogues. The region's own copy of its text tells which; where it fits neither, the region is
refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from exporters.markup import pieces
from exporters.records import TextSpan

ASTRAL = 0xFFFF
SILENT = frozenset(("script", "style"))
_BREAKS = re.compile("\r\n?")


def span_in(text: str, start: Any, end: Any, quoted: Any = None) -> TextSpan:
    """Return the span of `text`; `ValueError` says why there is none.

    Parameters
    ----------
    text : str
        What the annotator saw.
    start, end : int
        Offsets, in code points or UTF-16 units.
    quoted : str, optional
        The region's copy of its own text.
    """
    first, last = _offset(start), _offset(end)
    if not isinstance(quoted, str) or not quoted:
        return _checked(text, first, last)
    # Code points first: they are what Label Studio writes today, and where no character is astral the two
    # agree.
    if text[first:last] == quoted and last <= len(text):
        return TextSpan(first, last)
    # A browser quotes a selection as it looks: blanks run together, lines broken between blocks.
    for same in (str.__eq__, _same_but_blanks):
        for begin, end_ in _places(text, first, last):
            if begin < end_ <= len(text) and same(text[begin:end_], quoted):
                return TextSpan(begin, end_)
    _misquoted()


def _places(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield where a span lies for each way of counting: code points, UTF-16 units, line breaks as one."""
    yield first, last
    yield code_point(text, first), code_point(text, last)
    # A model that reads a file of Windows in Python, or a browser, has seen one character for each.
    if "\r\n" in text:
        yield _with_breaks(text, first), _with_breaks(text, last)


def _with_breaks(text: str, offset: int) -> int:
    """Return the offset in a text whose line breaks have two characters, of one in which they have one."""
    found = -1
    while 0 <= (found := text.find("\r\n", found + 1)) < offset:
        offset += 1
    return offset


def _misquoted() -> NoReturn:
    raise ValueError("offsets do not match the text that the region quotes")


def _offset(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError("offsets are not whole numbers")
    if value < 0:
        raise ValueError("offsets before the text")
    return int(value)


def _checked(text: str, first: int, last: int) -> TextSpan:
    if last > len(text):
        raise ValueError("offsets past the text")
    if first >= last:
        raise ValueError("the span is empty")
    return TextSpan(first, last)


def _same_but_blanks(found: str, quoted: str) -> bool:
    # The editor may have stored line breaks as a backslash and an n.
    plain = "".join(found.split())
    return bool(plain) and plain in ("".join(quoted.split()), "".join(quoted.replace("\\n", " ").split()))


def code_point(text: str, unit: int) -> int:
    """Return the code point offset of a UTF-16 offset."""
    # Only characters beyond the basic plane take two units of UTF-16.
    if text.isascii() or max(text, default="") <= chr(ASTRAL):
        return unit
    data = text.encode("utf-16-le", "surrogatepass")
    return len(data[: 2 * unit].decode("utf-16-le", "replace"))


def utf16_unit(text: str, point: int) -> int:
    """Return the UTF-16 offset of a code point offset: the inverse of `code_point`."""
    return len(text[:point].encode("utf-16-le", "surrogatepass")) // 2


class Dialogue:
    """A dialogue as one text: a line for each phrase."""

    def __init__(self, phrases: Any, text_key: str = "text"):
        if not isinstance(phrases, list):
            raise ValueError("the dialogue is not a list of phrases")
        self.phrases = [_phrase(phrase, text_key) for phrase in phrases]
        self.text = "\n".join(self.phrases)

    def span(self, value: Mapping[str, Any]) -> TextSpan:
        """Return where a paragraphs region lies in `text`."""
        first = self._place(value.get("start"), value.get("startOffset"))
        last = self._place(value.get("end"), value.get("endOffset"))
        span, quoted = _checked(self.text, first, last), value.get("text")
        # Across phrases a browser quotes the names between them as well.
        found = self.text[first:last]
        if "\n" not in found and isinstance(quoted, str) and quoted.strip():
            return span if _same_but_blanks(found, quoted) else _misquoted()
        return span

    def _place(self, index: Any, offset: Any) -> int:
        try:
            number = int(index)
            phrase = self.phrases[number] if number >= 0 else None
        except (TypeError, ValueError, IndexError):
            phrase = None
        if phrase is None:
            raise ValueError("no such phrase in the dialogue")
        within = code_point(phrase, _offset(offset))
        if within > len(phrase):
            raise ValueError("offsets past the text")
        # One for the line break between phrases.
        return sum(len(p) + 1 for p in self.phrases[:number]) + within


def text_key(phrases: Any, results: Iterable[Any]) -> str:
    """Return under which key a dialogue's phrases hold their text, when no labeling config says so.

    Besides `text` that is the key whose texts the regions quote.
    """
    found = [phrase for phrase in phrases if isinstance(phrase, Mapping)] if isinstance(phrases, list) else []
    if not found or any("text" in phrase for phrase in found):
        return "text"
    quotes = [item["value"].get("text") for item in results if isinstance(item, Mapping) and "value" in item]
    wanted = [quote for quote in quotes if isinstance(quote, str)]
    keys = [key for key, value in found[0].items() if isinstance(value, str)]
    texts = {key: "\n".join(str(phrase.get(key, "")) for phrase in found) for key in keys}
    quoted = {key: sum(quote in text for quote in wanted) for key, text in texts.items()}
    return max(keys, key=lambda key: (quoted[key], len(texts[key])), default="text")


def _phrase(phrase: Any, key: str) -> str:
    text = phrase.get(key, "") if isinstance(phrase, Mapping) else phrase
    return text if isinstance(text, str) else "" if text is None else str(text)


def rendered(source: str) -> str:
    """Return the text of an HTML source as the annotator saw it; offsets of rich text count in this."""
    parts, silent = [], ""
    # Before anything else a browser makes one kind of line break of all three.
    for kind, value in pieces(_BREAKS.sub("\n", source)):
        if kind == "text":
            parts += [] if silent else [value]
        elif kind == "start":
            silent = value if value in SILENT else silent
            # Label Studio counts a line break for it; other tags count for nothing.
            parts += ["\n"] if value == "br" else []
        elif value == silent:
            silent = ""
    return "".join(parts)
