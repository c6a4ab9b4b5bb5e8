"""XML in and out, without entities: text that a parser accepts, and parsers that refuse a DOCTYPE."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from exporters.errors import InputError

DEEPEST = 1000
_ENCODINGS = frozenset(("UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "US-ASCII", "ISO-8859-1"))
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# What XML 1.0 cannot hold even as a character reference, and halves of surrogate pairs.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile('[&<>"\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def escape(text: str) -> str:
    """Return text that stands in an attribute or an element and is read back as it was.

    Characters that no XML 1.0 document may hold become the replacement character: one of them would make the
    other side refuse the whole file. `has_illegal` tells whether there are any.
    """
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], REPLACEMENT), text)


def quoted(text: str) -> str:
    """Return the text as an attribute's value, quotes included."""
    return f'"{escape(text)}"'


def has_illegal(text: str) -> bool:
    """Return whether the text holds a character that XML cannot."""
    return ILLEGAL.search(text) is not None


def safe_parser(name: str, encoding: str | None = None) -> expat.XMLParserType:
    """Return an expat parser that refuses a DOCTYPE, and with it every entity of the document's own.

    `encoding` stands over the document's own declaration. One that expat cannot read is refused by its name.
    """
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True

    def declared(version: str, own: str | None, standalone: int) -> None:
        if encoding is None and own is not None and not _is_readable(own):
            raise InputError(f"{name}: the encoding {own[:40]!r} is not read; save it as UTF-8")

    parser.XmlDeclHandler = declared

    def refuse(*_: object) -> None:
        raise InputError(f"{name}: has a DOCTYPE; entities are not read. Remove it")

    # No DOCTYPE, no entities: neither files of this machine nor a billion laughs.
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _is_readable(encoding: str) -> bool:
    """Return whether expat reads the encoding: its own four, and those of a byte a character."""
    if encoding.upper() in _ENCODINGS:
        return True
    try:
        return len(bytes(range(256)).decode(encoding, "replace")) == 256
    except (LookupError, ValueError):
        return False


def parse_xml(text: str | bytes, name: str) -> Element:
    """Return the root of a small document; `InputError` names the line of a fault."""
    builder = TreeBuilder()
    # A text is decoded already: what it declares of its encoding is out of date.
    parser = safe_parser(name, "utf-8" if isinstance(text, str) else None)
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise InputError(f"{name}: nested more than {DEEPEST} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode() if isinstance(text, str) else text, True)
        return builder.close()
    except (expat.ExpatError, UnicodeEncodeError, AssertionError) as error:
        raise InputError(f"{name}: not XML ({error})") from None
