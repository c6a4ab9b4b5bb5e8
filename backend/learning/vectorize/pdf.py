"""PDF files by their text."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.vectorize.base import Download, ObjectTag, look_up
from backend.learning.vectorize.fetching import fetch_each, is_there, missing, no_such
from backend.learning.vectorize.gaps import Unread
from backend.learning.vectorize.text import TextVectorizer
from backend.learning.vectorize.wording import MAX_CHARACTERS

MOST_PAGES = 50


class PdfVectorizer(TextVectorizer):
    """The text of a PDF's first pages, as any other text."""

    KIND = "pdf"

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [(o.value.text,) for o in shown if o.tag.lower() == "pdf"]

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return fetch_each([look_up(d, fields[0]) for d in data], download, take_pdf)


def take_pdf(content: bytes) -> Any:
    """Return the text of a PDF's first pages; an `Unread` where it has none."""
    # Not at its very beginning: readers let some bytes stand before it.
    if b"%PDF" not in content[:1024]:
        return no_such("PDF", content)
    if not is_there("pypdf"):
        return missing("pypdf", "the text of a PDF")
    try:
        text = _text_of(content)
    except Exception:  # noqa: BLE001  a damaged file fails in any way
        return Unread("the PDF is damaged, cut off, or locked with a password; put it there anew")
    if not text.strip():
        return Unread("the PDF has no text (scanned pages?); put its text into the task data, with a <Text>")
    return text


def _text_of(content: bytes) -> str:
    import pypdf

    # It warns of every irregularity of every file; only whether text comes out matters here.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    for page in pypdf.PdfReader(io.BytesIO(content)).pages[:MOST_PAGES]:
        pages.append(page.extract_text())
        if sum(map(len, pages)) >= MAX_CHARACTERS:
            break
    return "\n".join(pages)[:MAX_CHARACTERS]
