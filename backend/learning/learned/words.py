"""Texts as words, and what is known of a word where it stands: the features of a sequence model."""

from __future__ import annotations

import re
from functools import lru_cache

# A letter of a script that is written without blanks is a word; so is each mark.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\W\d_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
    r"|\d+|[^\w\s]|_"
)
MOST_WORDS = 5000
# No text that people read has these two, so no word is taken for an edge.
BEFORE, AFTER = "\x02", "\x03"
AROUND = (-2, -1, 0, 1, 2)
LONGEST_AFFIX = 4


def words_of(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end, in code points; of very long texts the first 5,000."""
    found: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if len(found) == MOST_WORDS:
            break
        found.append(match.span())
    return found


def shape_of(word: str) -> str:
    """Return what a word looks like: X for capitals, x for small letters, d for digits, marks as they are."""
    # Longer words have no look of their own, and each would be a feature nobody shares.
    return "".join(_look(character) for character in word[:20])


@lru_cache(maxsize=100_000)
def features_of(word: str, away: int) -> tuple[str, ...]:
    """Return the features of a word that stands some words away from the one in question.

    Its neighbors tell the word and its shape; the word itself also its beginnings and ends.
    """
    at = f"{away}:"
    if word in (BEFORE, AFTER):
        return (f"{at}{word}",)
    # Small letters for what it is, the shape for how it was written: names are told by capitals.
    lower, shape = word.lower(), shape_of(word)
    features = [f"{at}w={lower}"]
    if abs(away) < 2:
        features += [f"{at}s={shape}", f"{at}k={_short(shape)}"]
    if away == 0:
        features.append("bias")
        for n in range(1, min(LONGEST_AFFIX, len(lower)) + 1):
            features += [f"p={lower[:n]}", f"e={lower[-n:]}"]
    return tuple(features)


def _look(character: str) -> str:
    if character.isdigit():
        return "d"
    if character.isupper():
        return "X"
    return "x" if character.isalpha() else character


def _short(shape: str) -> str:
    return re.sub(r"(.)\1+", r"\1", shape)
