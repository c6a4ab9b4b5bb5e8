"""The words in a task's title, where nothing else can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.learning.vectorize.base import ObjectTag, Standing
from backend.learning.vectorize.text import TextVectorizer, fields_of
from backend.learning.vectorize.titles import holds_words, is_title


class CaptionVectorizer(TextVectorizer):
    """Reads as a text what stands over tasks of which nothing else can be read: names of files, say."""

    KIND = "caption"
    STANDING = Standing.LAST

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [fields_of(o) for o in shown if is_title(o) and holds_words(o, sample)]

    @classmethod
    def told_of(cls, fields: tuple[str, ...]) -> str:
        return f"nothing else can be read, so the title {fields[0]!r} is"
