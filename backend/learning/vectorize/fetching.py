"""Fetches the files of many tasks, some at once, and says why one could not be had."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from backend.errors import LabelStudioError, LabelStudioUnreachable, MediaError
from backend.learning.vectorize.base import Download
from backend.learning.vectorize.gaps import NOTHING, Unread

DOWNLOADS_AT_ONCE = 4
DOWNLOADS_QUEUED = 1000

# The packages that read media, and the extra that brings each.
EXTRAS = {"pypdf": "pdf", "soundfile": "audio", "av": "video"}

# Not Exception: the queue ends a round that takes too long by an error of its own, which is to get through.
UNFORESEEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
ANEW = "put it there anew"
NO_ADDRESS = "the task data hold no address of a file; correct them, or the `value` that names their field"

# How files of other kinds begin, to say what a file is that is not what was expected.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "audio"),
    (b"ID3", "audio"),
    (b"<?xml", "XML"),
    (b"{", "JSON"),
)


def fetch_each(values: Sequence[Any], download: Download, take: Callable[[bytes], Any]) -> list[Any]:
    """Return what `take` makes of each file; an `Unread` where there is none.

    Parameters
    ----------
    values : addresses, or anything else where a task has none
    take : makes little of a file, since the files of a whole pool would not fit into memory
    """
    found: list[Any] = []
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        # In parts: a pool would hold a waiting call for each task of the project.
        for i in range(0, len(values), DOWNLOADS_QUEUED):
            part = values[i : i + DOWNLOADS_QUEUED]
            found += pool.map(lambda value: fetch_one(value, download, take), part)
    return found


def fetch_lists(
    values: Sequence[Sequence[Any]], download: Download, take: Callable[[bytes], Any]
) -> list[list[Any]]:
    """Return what `take` makes of each file, for tasks that have several."""
    found = iter(fetch_each([value for of_task in values for value in of_task], download, take))
    return [[next(found) for _ in of_task] for of_task in values]


def fetch_one(value: Any, download: Download, take: Callable[[bytes], Any]) -> Any:
    """Return what `take` makes of the file at an address; an `Unread` where there is none."""
    if isinstance(value, Unread):
        return value
    if not isinstance(value, str) or not value.strip():
        return NOTHING if value in (None, "", [], {}) else Unread(NO_ADDRESS)
    try:
        content = download(value)
    except MediaError as error:
        return Unread(str(error), error.later, error.by_hand)
    except LabelStudioUnreachable as error:
        # 500 for one file is an answer about that file; it must not keep the project from going on.
        if error.status != 500:
            raise
        return Unread("Label Studio fails at the file (500)", later=True)
    except LabelStudioError:
        return Unread("Label Studio does not give the file", later=True)
    except UNFORESEEN as error:
        # What nobody thought of in one address must not keep all other tasks from being learned.
        return _unforeseen("fetching", error)
    if not content:
        return Unread(f"the file is empty; {ANEW}")
    try:
        return take(content)
    except UNFORESEEN as error:
        return _unforeseen("reading", error)


def _unforeseen(what: str, error: Exception) -> Unread:
    # A machine that has no memory or no open files left may have some later; a strange file stays strange.
    passing = isinstance(error, OSError | MemoryError)
    return Unread(f"{what} the file failed ({type(error).__name__}): please report it", later=passing)


def no_such(expected: str, content: bytes) -> Unread:
    """Return that a file is not what was expected, and what it is where that can be seen."""
    start = content[:200].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return Unread(f"the file is no {expected} but a web page; does it want a login?")
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning) and kind.removeprefix("an ").removeprefix("a ") != expected:
            return Unread(
                f"the file is no {expected} but {kind}; correct the task data, or the tag that shows it"
            )
    return Unread(f"the file is no {expected} that can be read (damaged or cut off?); {ANEW}")


def missing(package: str, what: str) -> Unread:
    """Return that something cannot be read without a package, and how to get it."""
    return Unread(f"{what} is not read here: pip install 'clean-al[{EXTRAS[package]}]'")


@lru_cache
def is_there(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None


def packages_there() -> str:
    """Return the packages for media that are installed: with more of them more can be read."""
    return " ".join(package for package in EXTRAS if is_there(package))
