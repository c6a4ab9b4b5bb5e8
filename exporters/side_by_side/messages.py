"""What processes say to each other: plain values as JSON, and bytes beside them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import IO, Any

try:
    import orjson
except ImportError:  # numpy alone is enough, only slower
    orjson = None  # type: ignore[assignment]

_SIZE = 8
Message = tuple[Any, bytes]


def encoded(value: Any) -> bytes:
    """Return plain values as JSON, from which `decoded` makes them again."""
    if orjson is not None:
        try:
            text: bytes = orjson.dumps(value)
            return text
        except TypeError:  # half of a surrogate pair, for one
            pass
    return json.dumps(value, allow_nan=False).encode()


def decoded(text: bytes) -> Any:
    """Return the values."""
    if orjson is not None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    return json.loads(text)


def send(pipe: IO[bytes], message: Message) -> None:
    """Write one message."""
    value, data = message
    text = encoded(value)
    pipe.write(len(text).to_bytes(_SIZE, "little") + len(data).to_bytes(_SIZE, "little"))
    pipe.write(text)
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message | None:
    """Return the next message; None when there is none any more."""
    sizes = pipe.read(2 * _SIZE)
    length, size = int.from_bytes(sizes[:_SIZE], "little"), int.from_bytes(sizes[_SIZE:], "little")
    text, data = pipe.read(length), pipe.read(size)
    if not text or len(text) < length or len(data) < size:
        return None
    return decoded(text), data


def reference(thing: Callable[..., Any]) -> str:
    """Return the name by which another process finds a function or class; `ValueError` when there is none."""
    home, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    # What stands in the caller's main module is nowhere to be imported from.
    if not isinstance(home, str) or home == "__main__":
        raise ValueError(f"{name or thing!r} has no module of its own")
    told = f"{home}:{name}"
    if referred(told) is not thing:
        raise ValueError(f"{told} is something else")
    return told


def referred(told: str) -> Any:
    """Return what a reference means; `ValueError` when there is nothing of this name."""
    home, _, name = told.partition(":")
    try:
        found: Any = importlib.import_module(home)
        for step in name.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{told}: {error}") from None
    return found
