"""Which titles over a task say something of it, and which only name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.learning.vectorize.base import ObjectTag, look_up, look_up_each
from backend.learning.vectorize.numbers import names_a_task
from backend.learning.vectorize.wording import as_text

# Of these no control can ask, for want of a name.
TITLES = ("Header", "Markdown")
# A few values that are unlike the others decide nothing.
SHARE = 0.5
# Of a hash, a date or a number there is none.
_LETTER_OF_A_WORD = re.compile(r"[^\W\d_a-fA-F]")


def is_title(shown: ObjectTag) -> bool:
    """Whether this stands over a task, and is nothing that annotators answer about."""
    return shown.tag in TITLES and not shown.name


def says_something(shown: ObjectTag, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an object is worth reading beside others: a title of one word, another for each task, is not.

    It names the task, as the name of a file does, and what is learned of names drowns what the task holds.
    """
    if not is_title(shown):
        return True
    if not shown.value.is_variable:
        return False
    found = [text for text in _texts(shown, sample) if text]
    several = sum(len(text.split()) > 1 for text in found) >= SHARE * len(found)
    return not found or ((several or len(set(found)) <= SHARE * len(found)) and len(set(found)) > 1)


def holds_words(shown: ObjectTag, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the fields of a title hold words, and no numbers or ids alone."""
    fields = [field for field in shown.value.variables if not names_a_task(field)]
    values = (" ".join(as_text(look_up(data, f"${field}")) for field in fields) for data in sample)
    found = [text for text in values if text.strip()]
    return len([text for text in found if _LETTER_OF_A_WORD.search(text)]) > SHARE * len(found)


def _texts(shown: ObjectTag, sample: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (" ".join(map(as_text, look_up_each(data, shown.value.text))).strip() for data in sample)
