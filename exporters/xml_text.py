"""XML in and out, without entities: text that a parser accepts, and parsers that refuse a DOCTYPE."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from exporters.errors import InputError

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
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


def safe_parser(name: str) -> expat.XMLParserType:
    """Return an expat parser that refuses a DOCTYPE, and with it every entity of the document's own."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise InputError(f"{name}: has a DOCTYPE; entities are not read. Remove it")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def parse_xml(text: str | bytes, name: str) -> Element:
    """Return the root of a small document; `InputError` names the line of a fault."""
    builder = TreeBuilder()
    parser = safe_parser(name)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode() if isinstance(text, str) else text, True)
        return builder.close()
    except (expat.ExpatError, UnicodeEncodeError, AssertionError) as error:
        raise InputError(f"{name}: not XML ({error})") from None
