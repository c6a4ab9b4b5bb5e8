"""HTML in pieces, as a browser takes it apart, in time in proportion to its length.

The standard library's parser raises at `<![`, and takes minutes for a page of `<a`: its searches begin anew
at each mark that is never closed. Here such a mark reaches to the end, as it does in a browser.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_MARK = re.compile(
    r"<(?:(?P<comment>!--)|(?P<end>/)?(?P<name>[a-zA-Z][^\s/>]*)|(?P<bogus>[!?]|/(?=[^a-zA-Z])))"
)
_BEFORE_ATTRIBUTE = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"[^\s/>][^\s/>=]*(?P<valued>\s*=\s*)?")
_UNQUOTED = re.compile(r"[^\s>]*")
_COMMENT_ENDS = re.compile(r"--!?>")
# Until this its content is no markup.
_RAW_ENDS = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE) for tag in ("script", "style")}
# No character has so large a number, and Python refuses to read much longer ones.
_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{8,});?")


class Piece(NamedTuple):
    """A part of an HTML source: `kind` is "start", "end" or "text", `value` a tag in lower case or a text."""

    kind: str
    value: str


def pieces(source: str) -> Iterator[Piece]:
    """Yield the tags and texts of an HTML source; comments and declarations are passed over."""
    at = begun = 0
    while found := _MARK.search(source, at):
        if found.start() > begun:
            yield Piece("text", _text(source[begun : found.start()]))
        name = (found["name"] or "").lower()
        if not name:
            at = begun = _after(source, found)
            continue
        at = begun = _tag_ends(source, found.end())
        if at > len(source):
            return
        yield Piece("end" if found["end"] else "start", name)
        if not found["end"] and name in _RAW_ENDS:
            raw_ends = _RAW_ENDS[name].search(source, at)
            at = raw_ends.start() if raw_ends else len(source)
            if at > begun:
                yield Piece("text", source[begun:at])
            begun = at
    if begun < len(source):
        yield Piece("text", _text(source[begun:]))


def _text(source: str) -> str:
    return html.unescape(_HUGE_NUMBER.sub("\ufffd", source))


def _after(source: str, mark: re.Match[str]) -> int:
    """Return where a comment or a declaration ends."""
    if mark["comment"]:
        # `<!-->` and `<!--->` are comments, too: the marks of their ends may be those of their beginnings.
        closed = _COMMENT_ENDS.search(source, mark.end() - 2)
        return closed.end() if closed else len(source)
    closing = source.find(">", mark.end())
    return closing + 1 if closing >= 0 else len(source)


def _tag_ends(source: str, at: int) -> int:
    """Return where a tag ends whose name has been read; beyond the source where it does not."""
    while True:
        at = _past(_BEFORE_ATTRIBUTE, source, at)
        if source[at : at + 1] == ">":
            return at + 1
        attribute = _ATTRIBUTE.match(source, at)
        if attribute is None:
            return len(source) + 1
        at = attribute.end()
        if attribute["valued"]:
            quote = source[at : at + 1]
            if quote in ('"', "'"):
                closing = source.find(quote, at + 1)
                at = closing + 1 if closing >= 0 else len(source)
            else:
                at = _past(_UNQUOTED, source, at)


def _past(pattern: re.Pattern[str], source: str, at: int) -> int:
    found = pattern.match(source, at)
    return found.end() if found else at
