"""From task data to numbers. A new kind of input is one file and one line in VECTORISERS."""

from __future__ import annotations

from backend.vectorise.base import Features, State, Vectoriser
from backend.vectorise.image import ImageVectoriser
from backend.vectorise.numbers import NumberVectoriser
from backend.vectorise.text import TextVectoriser

VECTORISERS: dict[str, type[TextVectoriser] | type[ImageVectoriser] | type[NumberVectoriser]] = {
    "text": TextVectoriser,
    "image": ImageVectoriser,
    "numbers": NumberVectoriser,
}

__all__ = ["VECTORISERS", "Features", "State", "Vectoriser"]
