"""JSON arrays and JSON Lines, one object at a time, without loading the file.

A block is cut where its last whole object ends, as the count of its braces tells, and parsed at one go.
Where that fails, because braces stand inside strings or something is broken, it is cut object by object:
numpy finds the braces, and quotes that no backslash escapes tell which ones do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from exporters.errors import InputError
from exporters.inputs import Readable
from exporters.json_scan import DEEPEST, gather

try:
    import orjson

    _loads: Callable[[bytes], Any] = orjson.loads
except ImportError:  # numpy alone is enough, only slower
    orjson = None  # type: ignore[assignment]
    _loads = json.loads

# Small on purpose: what is parsed at one go should still be in the processor's cache when it is used.
BLOCK = 1 << 15
# An object larger than this is followed through the stream on its own.
LARGE = 1 << 20

# How JSON in UTF-16 begins: with its byte order mark, or with a bracket and a zero.
UTF16 = (b"\xff\xfe", b"\xfe\xff", b"[\0", b"{\0", b"\0[", b"\0{")
# Of a text to count in; of all of them.
_SHORT, _MANY = 1 << 12, 1 << 25
_counted = 0

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = bytes(byte in b'"{}' for byte in range(256))
_QUOTE, _OPEN = ord('"'), ord("{")
_BLANK = b" \t\r\n"


def parse(text: bytes | bytearray, place: str) -> Any:
    """Return the value in `text`; `InputError` names `place` and the column.

    The standard library's parser has the second word: it knows NaN, integers over 64 bits and lone
    surrogates.
    """
    if orjson is not None:
        try:
            value = orjson.loads(text)
            if not _has_repeated_key(text, value):
                return value
        # orjson also refuses what json takes: NaN, integers over 64 bits, lone surrogates.
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(text, object_pairs_hook=_unrepeated)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{place}: is not UTF-8; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON ({_reason(error)})") from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = ""
        for twice, _ in pairs:
            if twice in seen:
                break
            seen.add(twice)
        raise InputError(f"the key {twice[:40]!r} stands twice in one object; keep one of them")
    return found


def _has_repeated_key(text: bytes | bytearray, value: Any) -> bool:
    """Return whether a key may stand twice: parsers keep the last value and say nothing.

    Written anew, the value then has fewer strings. Escapes can make it look so too: the caller looks closer.
    """
    try:
        again = orjson.dumps(value)
    except TypeError:  # an integer over 64 bits
        return True
    quotes = _count(text, b'"') - _count(again, b'"')
    if b"\\" in text:
        quotes -= text.count(b'\\"') - again.count(b'\\"')
    return quotes != 0


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def dump(value: Any) -> bytes:
    """Return compact UTF-8 JSON. Not-a-number becomes null, a lone surrogate the replacement character."""
    return dump_told(value)[0]


def dump_told(value: Any) -> tuple[bytes, bool]:
    """Return (compact UTF-8 JSON, whether it says just what the value said)."""
    if orjson is not None:
        try:
            return orjson.dumps(value), True
        except (TypeError, ValueError):
            pass
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode(), True
    except (TypeError, ValueError, UnicodeEncodeError):
        text = json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode(), False


def clean(value: Any) -> Any:
    """Return the value with what JSON in UTF-8 cannot hold replaced."""
    if isinstance(value, dict):
        return {clean(str(key)): clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean(entry) for entry in value]
    if isinstance(value, str):
        # One for one: a decoder's three for each would move all offsets behind it.
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and value - value != 0:
        return None
    if hasattr(value, "dtype"):  # numpy's numbers and arrays
        return clean(value.tolist())
    return value


def read_objects(file: Readable, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (object, place) for each object of a JSON array, of JSON Lines, or of a lone JSON object.

    `place` says where it stood, for messages. Raises `InputError` when the file is cut short or is something
    else.
    """
    is_array, rest = json_start(file, name)
    if is_array or rest:
        yield from _items(file, name, rest, is_array)


def json_start(file: Readable, name: str) -> tuple[bool, bytes]:
    """Return (whether an array begins here, the bytes that were read behind its bracket)."""
    head = _head(file, name)
    if head and head[:1] not in (b"[", b"{"):
        raise InputError(f"{name}: expected a JSON array or object, found {head[:20]!r} at the start")
    return head[:1] == b"[", head.removeprefix(b"[")


def read_on(file: Readable, name: str, is_array: bool, number: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the objects of an array or of lines from behind the first `number` of them, as `read_objects`."""
    yield from _items(file, name, b"", is_array, number)


def _head(file: Readable, name: str) -> bytes:
    """Return the first block that is not blank, from its first character on; empty for an empty file."""
    head = file.read(BLOCK).removeprefix(b"\xef\xbb\xbf")
    if head.startswith(UTF16):
        raise InputError(f"{name}: is UTF-16; save it as UTF-8")
    while head and not head.strip():
        head = file.read(BLOCK)
    return head.lstrip()


def _items(
    file: Readable, name: str, rest: bytes, is_array: bool, number: int = 0
) -> Iterator[tuple[dict[str, Any], str]]:
    size, exact = BLOCK, False
    while True:
        values, done = ([], 0) if exact else _block(rest, is_array, number > 0)
        for value in values or ():
            number += 1
            yield value, f"{name}, item {number}"
        if values is None:
            exact = True
        if exact:
            for end in object_ends(rest):
                place = f"{name}, item {number + 1}"
                begin = _next_item(rest, done, place, is_array and number > 0)
                yield parse(rest[begin:end], place), place
                number, done = number + 1, end
        rest = rest[done:]
        if is_array and _array_ends(rest, f"{name}, item {number + 1}", number > 0):
            return _refuse_rest(rest.lstrip()[1:] + file.read(BLOCK), name)
        # Else blanks between objects would pile up, and each round would look at all of them again.
        rest = _trimmed(rest)
        if len(rest) > LARGE:
            place = f"{name}, item {number + 1}"
            begin = _next_item(rest, 0, place, is_array and number > 0)
            whole, rest = gather(file, rest[begin:], place)
            number, size = number + 1, BLOCK
            yield parse(whole, place), place
            continue
        # An item larger than a block: reading twice as much each time keeps the work linear.
        size = BLOCK if done or len(rest) < 2 else size * 2
        more = file.read(size)
        if not more and (exact or not rest.strip()):
            break
        # At the end of the file a brace inside a string may still hide whole objects.
        exact = exact or not more
        rest += more
    if is_array or rest.strip():
        raise InputError(f"{name}: the JSON is cut short, or broken, after item {number}")


def _trimmed(rest: bytes) -> bytes:
    """Return the text without blanks in front of the next object, of which there can be any number."""
    tail = rest.lstrip(_BLANK)
    return b"," + tail[1:].lstrip(_BLANK) if tail[:1] == b"," else tail


def _block(text: bytes, is_array: bool, comma: bool) -> tuple[list[dict[str, Any]] | None, int]:
    """Return (the whole objects at the start, where they end); None when it takes a closer look.

    Braces inside strings can make the end wrong, but no wrong end is taken for a right one: it stands inside
    a string or inside an object, and either leaves something open that the parser refuses.
    """
    end = last_end(text)
    if not end:
        return [], 0
    whole = text[:end].lstrip(_BLANK)
    if is_array and comma:
        if whole[:1] != b",":
            return None, 0
        whole = whole[1:]
    seams = 0
    if not is_array:
        # No string holds a line break, and within an object a comma is due: a seam is the end of a line.
        seams = whole.count(b"}\n{")
        whole = whole.replace(b"}\n{", b"},{")
    try:
        values = _loads(b"[%b]" % whole)
    except (ValueError, RecursionError):
        return None, 0
    # Without orjson there is no quick way to see a key that stands twice: each object is then parsed by
    # itself.
    if orjson is None or _has_repeated_key(whole, values):
        return None, 0
    is_plain = is_array or len(values) == seams + 1
    return (values, end) if is_plain and set(map(type, values)) == {dict} else (None, 0)


def last_end(text: bytes) -> int:
    """Return where the last whole object ends, were all braces outside strings; 0 for nowhere."""
    depth = _count(text, b"{") - _count(text, b"}")
    # Open braces alone, a file of nothing else: going back over all of them would be quadratic.
    if depth > DEEPEST:
        return 0
    end = len(text)
    opening, closing = text.rfind(b"{"), text.rfind(b"}")
    while depth > 0 and opening >= 0:
        if opening > closing:
            depth, end = depth - 1, opening
            opening = text.rfind(b"{", 0, end)
        else:
            depth, end = depth + 1, closing
            closing = text.rfind(b"}", 0, end)
    return closing + 1 if depth == 0 else 0


def _count(text: bytes | bytearray, mark: bytes) -> int:
    """Return how often a byte stands in the text."""
    global _counted
    _counted += len(text)
    # numpy is three times as fast, but takes longer to load than a small file to read.
    if len(text) < _SHORT or (_counted < _MANY and len(text) < BLOCK * 4):
        return text.count(mark)
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == mark[0]))


def _next_item(text: bytes, begin: int, place: str, comma: bool) -> int:
    """Return where the next object starts: after blanks and, where one is due, one comma."""
    if comma and text[begin : begin + 3] == b", {":  # as Python and Label Studio write it
        return begin + 2
    while text[begin] in _BLANK or (comma and text[begin] == 0x2C):
        comma = comma and text[begin] != 0x2C
        begin += 1
    if comma or text[begin] != 0x7B:
        raise InputError(
            f"{place}: expected {',' if comma else 'an object'}, found {text[begin : begin + 20]!r}"
        )
    return begin


def _array_ends(rest: bytes, place: str, comma: bool) -> bool:
    """Return whether the array ends here; whatever is neither that nor a further object is refused."""
    tail = rest.lstrip()
    if tail[:1] == b"]":
        return True
    begin = tail[1:].lstrip() if comma and tail[:1] == b"," else tail
    if begin and begin[:1] != b"{":
        raise InputError(f"{place}: expected an object or the end of the array, found {begin[:20]!r}")
    return False


def _refuse_rest(rest: bytes, name: str) -> None:
    if rest.strip():
        raise InputError(f"{name}: text after the end of the array: {rest.strip()[:20]!r}")


def object_ends(text: bytes) -> list[int]:
    """Return the positions just after each `}` that closes an object which is not inside another."""
    import numpy as np  # only where it is needed: it takes longer to load than a small file to read

    if b"\\" in text:
        # Pairs first: what is left of a backslash before a quote then really escapes it.
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    places = np.flatnonzero(np.frombuffer(text.translate(_MARKS), np.bool_))
    marks = np.frombuffer(text, np.uint8)[places]
    quotes = marks == _QUOTE
    inside = np.cumsum(quotes, dtype=np.uint8) & 1
    braces = (inside | quotes) == 0
    places, opens = places[braces], marks[braces] == _OPEN
    depth = np.cumsum(opens * 2 - 1, dtype=np.int32)
    ends: list[int] = (places[(depth == 0) & ~opens] + 1).tolist()
    return ends
