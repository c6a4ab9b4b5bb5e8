"""Which pinned releases are known to have holes, asked of the Open Source Vulnerabilities database."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

from audit.locks import Pin

DATABASE = "https://api.osv.dev/v1/querybatch"
AT_ONCE = 500
SECONDS = 20.0
MOST_BYTES = 16 * 2**20


class NoData(Exception):
    """The database could not be asked; nothing is known, good or bad."""


def known_holes(pinned: Sequence[Pin], database: str = DATABASE) -> dict[Pin, list[str]]:
    """Return the ids of the holes of each release that has some.

    Raises
    ------
    NoData
        When the database cannot be reached, or does not answer as it should.
    """
    found: dict[Pin, list[str]] = {}
    for begin in range(0, len(pinned), AT_ONCE):
        part = pinned[begin : begin + AT_ONCE]
        for pin, result in zip(part, _ask(part, database), strict=True):
            if ids := [str(hole["id"]) for hole in result.get("vulns", [])]:
                found[pin] = ids
    return found


def _ask(part: Sequence[Pin], database: str) -> list[dict[str, Any]]:
    queries = [{"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": pin.version} for pin in part]
    asked = urllib.request.Request(  # noqa: S310  the address is ours, or given by who runs this
        database, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
            results = json.loads(answer.read(MOST_BYTES))["results"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NoData(f"{database}: {type(error).__name__}: {error}") from None
    if not isinstance(results, list) or len(results) != len(part):
        raise NoData(f"{database}: {len(part)} releases asked, another number answered")
    return [one if isinstance(one, dict) else {} for one in results]
