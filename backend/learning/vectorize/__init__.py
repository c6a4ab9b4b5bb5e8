"""From task data to numbers. A new kind of input is one file and one line in VECTORIZERS."""

from __future__ import annotations

from backend.learning.vectorize.base import Features, State, Vectorizer
from backend.learning.vectorize.image import ImageVectorizer
from backend.learning.vectorize.numbers import NumberVectorizer
from backend.learning.vectorize.text import TextVectorizer

VECTORIZERS: dict[str, type[TextVectorizer] | type[ImageVectorizer] | type[NumberVectorizer]] = {
    "text": TextVectorizer,
    "image": ImageVectorizer,
    "numbers": NumberVectorizer,
}

__all__ = ["VECTORIZERS", "Features", "State", "Vectorizer"]
