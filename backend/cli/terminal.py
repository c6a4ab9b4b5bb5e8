"""What commands print: texts of others are shown, never obeyed, and end somewhere."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import click

from backend.log_context import what_about

# Control characters (a label with ESC could retitle the terminal), marks that turn the direction of text, and
# halves of characters, which no terminal can be given.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
LONGEST = 1000


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a text as one line without control characters, cut to a length."""
    shown = str(text)
    if len(shown) > longest:
        # The length is told: that something was cut must not pass for its end.
        shown = f"{shown[:longest]}... ({len(shown):,} characters)"
    return UNPRINTABLE.sub(_escaped, shown)


def say(text: object, *, err: bool = False, longest: int = LONGEST) -> None:
    """Print one line."""
    click.echo(plain(text, longest), err=err)


def say_lines(text: str, *, err: bool = False) -> None:
    """Print a text of several lines that we have made ourselves, whatever names stand in it."""
    for line in text.split("\n"):
        say(line, err=err, longest=10 * LONGEST)


def safe_json(text: str) -> str:
    """Return JSON with escapes where a terminal would obey; newlines stand between values only."""
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class PlainFormatter(logging.Formatter):
    """Log lines that no text of others can end early, so that it cannot forge the next one."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback that we add ourselves keeps its lines."""
        own, _, rest = record.message.partition(TRACEBACK_BEGINS)
        record.message = plain(own, 10 * LONGEST) + (TRACEBACK_BEGINS + rest if rest else "")
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """Return a traceback whose every line is marked as part of one."""
        return "\n".join(
            f"  | {plain(line, 10 * LONGEST)}" for line in super().formatException(ei).split("\n")
        )


class JsonFormatter(logging.Formatter):
    """Log lines for machines: one JSON object each, with what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[: 10 * LONGEST],
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # ASCII alone: no character of others reaches a terminal as it is.
        return json.dumps(what_about() | line, default=str)


# Of `traceback.format_tb`: places only, with no word of an error.
TRACEBACK_BEGINS = '\n  File "'
