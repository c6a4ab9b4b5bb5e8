"""How values are shown on a page: texts as text, numbers with their units, times with their zone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

LONGEST = 300
# Of what is made of numbers and times alone; to make it anew takes a page longer than all its texts.
KEPT = 4000
# Controls but tab and newline, and halves of characters: a page cannot hold them.
UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
NOTHING = Markup("–")
_BEGIN, _END = Markup("<bdi>"), Markup("</bdi>")


def shown(text: Any, longest: int = LONGEST) -> Markup:
    """Return a text of others, cut to a length, with its direction kept to itself."""
    whole = str(text)
    cut = UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", whole[:longest])
    more = f"… ({len(whole):,} characters)" if len(whole) > longest else ""
    # Without <bdi> a mark in a title could turn around what stands after it.
    return _BEGIN + escape(cut) + _END + more


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share between 0 and 1 in percent."""
    return NOTHING if share is None else f"{share:.{digits}%}".replace("%", "\u202f%")


def interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval of shares, in percent."""
    return NOTHING if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}\u202f%"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands set apart."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


@lru_cache(KEPT)
def moment(value: Any) -> Markup:
    """Return a time as <time>, in this machine's zone; from seconds since the epoch or ISO 8601."""
    try:
        then = datetime.fromtimestamp(value) if isinstance(value, int | float) else _parsed(str(value))
        local = then.astimezone()
    except (ValueError, OverflowError, OSError):
        return NOTHING
    return Markup('<time datetime="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S} {zone(local)}"
    )


def zone(local: datetime) -> str:
    """Return the name of a time's zone, or its offset where it has none."""
    return local.tzname() or time.strftime("%z")


def seconds(value: float) -> str:
    """Return a duration in the unit that fits it."""
    if value < 1:
        return f"{value * 1000:.0f}\u202fms"
    return f"{value:.1f}\u202fs" if value < 90 else f"{value / 60:.0f}\u202fmin"


@lru_cache(KEPT)
def bar(share: float | None, kind: str = "") -> Markup:
    """Return a bar that is filled to a share; what it says stands beside it as text."""
    width = 100 * min(max(share or 0.0, 0.0), 1.0)
    return Markup(
        '<svg class="bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="8"/><rect class="filled" width="{}" height="8"/></svg>'
    ).format(kind, f"{width:.2f}")


@lru_cache(KEPT)
def range_bar(value: float | None, low: float | None, high: float | None) -> Markup:
    """Return a scale from 0 to 1 with an interval on it, and its value."""
    if value is None or low is None or high is None:
        return Markup("")
    a, b, v = (100 * min(max(end, 0.0), 1.0) for end in (low, high, value))
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="8"/><rect class="interval" x="{}" width="{}" height="8"/>'
        '<rect class="filled" x="{}" width="1.5" height="8"/></svg>'
    ).format(f"{a:.2f}", f"{max(b - a, 0.5):.2f}", f"{min(v, 98.5):.2f}")


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 label`, `2 labels`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


FILTERS: dict[str, Callable[..., Any]] = {
    "shown": shown,
    "percent": percent,
    "number": number,
    "moment": moment,
    "duration": seconds,
    "bar": bar,
    "plural": plural,
    "escaped": escape,
}
GLOBALS: dict[str, Callable[..., Any]] = {"interval": interval, "range_bar": range_bar}
