"""From task data to numbers. A new kind of input is one file and one line in VECTORIZERS."""

from __future__ import annotations

from backend.vectorize.base import Features, State, Vectorizer
from backend.vectorize.image import ImageVectorizer
from backend.vectorize.numbers import NumberVectorizer
from backend.vectorize.text import TextVectorizer

VECTORIZERS: dict[str, type[TextVectorizer] | type[ImageVectorizer] | type[NumberVectorizer]] = {
    "text": TextVectorizer,
    "image": ImageVectorizer,
    "numbers": NumberVectorizer,
}

__all__ = ["VECTORIZERS", "Features", "State", "Vectorizer"]
