"""What a log line is about, known to all that is logged meanwhile; and faults of ours without their words."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
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


def log_fault(logger: logging.Logger, error: BaseException, message: str, *given: object) -> None:
    """Log an error that nobody expected by its kind and its places.

    Never by its words, as `logger.exception` would: they may quote a task's text, or a secret.
    """
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error(f"{message}: %s\n%s", *given, type(error).__name__, places)


def kind_and_place(error: BaseException) -> str:
    """Return what kind of error it is and where it was raised; its words may quote a task, or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame for frame in frames if "backend" in frame.filename or "clean_al" in frame.filename
    ] or frames
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}; the log has more"
