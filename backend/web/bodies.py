"""Request bodies: size, type and JSON are checked here; what the fields mean stands in fields.py."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity, UnsupportedMediaType

# Each takes hundreds of bytes once it is read: 15 MB of `{}` would become gigabytes.
MOST_OBJECTS = 300_000
OPENERS = (b"{", b"[")
# Of more bytes than these no thread is left alone with the interpreter.
LONG = 256 * 1024


def read_object() -> dict[str, Any]:
    """Return the JSON object in the body of the current request.

    Raises
    ------
    UnsupportedMediaType
        415, when the content type is not JSON.
    RequestEntityTooLarge
        413, when the body is declared or found to be longer than `MAX_CONTENT_LENGTH`; the rest is not read.
        Also when it holds more objects than anyone needs at once.
    BadRequest
        400, when the body is not JSON, is cut off, or is nested too deep.
    UnprocessableEntity
        422, when it is JSON but no object.
    """
    if not request.is_json:
        raise UnsupportedMediaType("send the body with Content-Type: application/json")
    return parse_object(_read())


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that these bytes are, with the errors of `read_object` about content."""
    if _openers(raw) > MOST_OBJECTS:
        raise RequestEntityTooLarge(f"more than {MOST_OBJECTS:,} objects and lists; send fewer at once")
    value = _parse(raw)
    if not isinstance(value, dict):
        raise UnprocessableEntity("the body must be a JSON object")
    return value


def _read() -> bytes:
    raw = request.get_data(cache=False)
    # Werkzeug stops reading a chunked body at the limit without a word.
    if request.content_length is None and len(raw) >= (request.max_content_length or len(raw) + 1):
        raise RequestEntityTooLarge()
    return raw


def _parse(raw: bytes) -> Any:
    try:
        hook = _in_turns if len(raw) > LONG else None
        return json.loads(raw, parse_constant=_refuse, object_pairs_hook=hook)
    except RecursionError:
        raise BadRequest("the JSON is nested too deep") from None
    except ValueError:
        # The parser's message quotes the body: not passed on.
        raise BadRequest("the body is not JSON") from None


def _openers(raw: bytes) -> int:
    """Return how many objects and lists begin, or seem to: some may stand in strings."""
    parts = range(0, len(raw), LONG)
    return sum(raw.count(opener, begin, begin + LONG) for begin in parts for opener in OPENERS)


def _in_turns(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a long body.

    The parser is C and gives no other thread its turn, for 150 ms in 15 MB; at a call of ours they may.
    """
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
