"""Texts as annotators see them, and where a region of one begins and ends in Label Studio's own counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.learning.labeling_config import ControlTag
from exporters.label_studio.read_texts import Dialogue, code_point, rendered, utf16_unit
from exporters.label_studio.value_expression import ValueExpression

# In plain and rich text a number of code points; in a dialogue the phrase, and UTF-16 units within it.
Place = int | tuple[int, int]
KINDS = ("text", "html", "paragraphs")


@dataclass(frozen=True)
class Page:
    """The text of one task: the whole of it, and how long its phrases are where it is a dialogue."""

    text: str
    phrases: tuple[str, ...] | None = None

    def offset(self, place: Place) -> int | None:
        """Return the code point in `text` where a place lies; None when it does not lie there."""
        if isinstance(place, int):
            return place if self.phrases is None and 0 <= place <= len(self.text) else None
        index, within = place
        if self.phrases is None or not 0 <= index < len(self.phrases):
            return None
        point = code_point(self.phrases[index], within)
        # One for the line break that stands between phrases in `text`.
        before = sum(len(phrase) + 1 for phrase in self.phrases[:index])
        return before + point if 0 <= point <= len(self.phrases[index]) else None

    def holds(self, start: Place, end: Place) -> bool:
        """Whether a region lies in the text."""
        first, last = self.offset(start), self.offset(end)
        return first is not None and last is not None and first <= last

    def place(self, offset: int) -> Place:
        """Return where a code point of `text` lies."""
        if self.phrases is None:
            return offset
        for index, phrase in enumerate(self.phrases):
            if offset <= len(phrase):
                return index, utf16_unit(phrase, offset)
            offset -= len(phrase) + 1
        raise ValueError("offset past the dialogue")


@dataclass(frozen=True)
class ShownText:
    """How an object shows its text.

    Parameters
    ----------
    kind : one of KINDS
    value : its `value` in the labeling config
    text_key : under which key a dialogue's phrases hold their text
    """

    kind: str
    value: str
    text_key: str = "text"

    @classmethod
    def of(cls, tag: ControlTag) -> ShownText:
        """Return how the (first) object of a control shows its text."""
        shown = tag.objects[0]
        return cls(shown.kind, shown.value.text, shown.attributes.get("textKey") or "text")

    def page(self, data: Mapping[str, Any]) -> Page | None:
        """Return what a task shows; None where the data hold no such text."""
        value = ValueExpression(self.value).resolve(data)
        if self.kind == "paragraphs":
            try:
                dialogue = Dialogue(value, self.text_key)
            # What is no dialogue has no text; it comes last, as all that cannot be read.
            except ValueError:
                return None
            return Page(dialogue.text, tuple(dialogue.phrases))
        if not isinstance(value, str):
            return None
        return Page(rendered(value) if self.kind == "html" else value)
