"""What a log line is about: project, round and event, known to all that is logged meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ABOUT: ContextVar[dict[str, Any]] = ContextVar("about", default={})  # noqa: B039  replaced, never changed


@contextmanager
def about(**what: Any) -> Iterator[None]:
    """Say of every line that is logged in this block what it is about."""
    before = _ABOUT.set(_ABOUT.get() | what)
    try:
        yield
    finally:
        _ABOUT.reset(before)


def what_about() -> dict[str, Any]:
    """Return what is logged about now."""
    return _ABOUT.get()
