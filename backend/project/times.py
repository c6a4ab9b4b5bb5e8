"""Times as people read them: local, with their zone."""

from __future__ import annotations

from datetime import datetime


def local_time(moment: float | str | None) -> str:
    """Return a time with its zone, to the second.

    Parameters
    ----------
    moment : seconds since the epoch, or ISO 8601; what is neither is given back as it is, "-" for nothing
    """
    if moment is None or moment == "":
        return "-"
    try:
        if isinstance(moment, str):
            when = datetime.fromisoformat(moment)
        else:
            when = datetime.fromtimestamp(moment).astimezone()
        # A naive time is local already.
        return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except (ValueError, OverflowError, OSError):
        return str(moment)
