"""From task data to numbers. A new kind of input is one file and one line in VECTORIZERS."""

from __future__ import annotations

from backend.learning.vectorize.audio import AudioVectorizer
from backend.learning.vectorize.base import (
    Download,
    Features,
    InputSpec,
    ObjectTag,
    Standing,
    State,
    Vectorizer,
    look_up,
)
from backend.learning.vectorize.caption import CaptionVectorizer
from backend.learning.vectorize.fetching import packages_there
from backend.learning.vectorize.gaps import Gaps, Unread
from backend.learning.vectorize.image import ImageVectorizer
from backend.learning.vectorize.numbers import NumberVectorizer, SpareNumbers
from backend.learning.vectorize.pdf import PdfVectorizer
from backend.learning.vectorize.series import SeriesVectorizer
from backend.learning.vectorize.text import TextVectorizer
from backend.learning.vectorize.video import VideoVectorizer

# The order is the precedence: the first that stands alone and finds something is all that is read; else all
# that stand beside one another are, in this order; else the first of those that come last.
VECTORIZERS: dict[str, type[Vectorizer]] = {
    kind.KIND: kind
    for kind in (
        NumberVectorizer,
        ImageVectorizer,
        VideoVectorizer,
        AudioVectorizer,
        SeriesVectorizer,
        PdfVectorizer,
        TextVectorizer,
        CaptionVectorizer,
        SpareNumbers,
    )
}

__all__ = [
    "VECTORIZERS",
    "Download",
    "Features",
    "Gaps",
    "InputSpec",
    "ObjectTag",
    "Standing",
    "State",
    "Unread",
    "Vectorizer",
    "look_up",
    "packages_there",
]
