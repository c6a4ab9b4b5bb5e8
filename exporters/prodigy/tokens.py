"""Tokens for Prodigy, whose spans must start and end at token boundaries.

The built-in tokenizer takes words, numbers with their decimal points, and single marks. `spacy_tokenizer`
gives the tokens of spaCy's blank pipeline, which Prodigy's recipes use, where spaCy is installed. Whatever
the tokenizer, tokens are cut at the ends of spans, so a span is never moved.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from exporters.errors import OptionError
from exporters.records import TextSpan

Offsets = list[tuple[int, int]]
Tokenizer = Callable[[str], Offsets]
_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|['’](?:s|re|ve|ll|d|m|t)\b|\w+?(?=n['’]t\b)|n['’]t\b|\w+|[^\w\s]")


def tokenize(text: str) -> Offsets:
    """Return (start, end) of each token, in order, without gaps but for blanks."""
    return [match.span() for match in _TOKEN.finditer(text)]


def spacy_tokenizer(language: str = "en") -> Tokenizer:
    """Return the tokenizer of spaCy's blank pipeline for a language."""
    try:
        spacy = import_module("spacy")
    except ImportError:
        raise OptionError("spacy_tokenizer needs spaCy: pip install spacy") from None
    pipeline = spacy.blank(language)

    def offsets(text: str) -> Offsets:
        return [(token.idx, token.idx + len(token)) for token in pipeline.make_doc(text)]

    return offsets


def cut_at(offsets: Offsets, bounds: Iterable[int]) -> tuple[Offsets, int]:
    """Return the tokens with those cut that a bound lies inside of, and how many cuts there were."""
    cuts = sorted(set(bounds))
    done: Offsets = []
    count = 0
    for start, end in offsets:
        inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
        for cut in inside:
            done.append((start, cut))
            start = cut
        count += len(inside)
        done.append((start, end))
    return done, count


def rows(text: str, offsets: Offsets) -> list[dict[str, Any]]:
    """Return Prodigy's `tokens`; `ws` says whether a blank follows."""
    return [
        {"text": text[start:end], "start": start, "end": end, "id": i, "ws": text[end : end + 1] == " "}
        for i, (start, end) in enumerate(offsets)
    ]


class TokenIndex:
    """Finds the tokens of a span."""

    def __init__(self, offsets: Offsets):
        self._starts = [start for start, _ in offsets]
        self._ends = [end for _, end in offsets]

    def within(self, span: TextSpan) -> TextSpan | None:
        """Return the part of the span from its first token to its last; None when it has none."""
        first, last = bisect_right(self._ends, span.start), bisect_left(self._starts, span.end) - 1
        if first > last:
            return None
        return TextSpan(max(span.start, self._starts[first]), min(span.end, self._ends[last]))

    def find(self, start: int, end: int) -> tuple[int, int] | None:
        """Return (first, last) token of the span, the last included; None when it has none.

        Blanks at the ends of a span belong to no token.
        """
        # Tokens are in order and do not overlap: two searches, however long the text is.
        first = bisect_left(self._starts, start)
        last = bisect_right(self._ends, end) - 1
        return (first, last) if first <= last else None
