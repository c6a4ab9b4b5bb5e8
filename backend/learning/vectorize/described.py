"""Files that are described by some numbers when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from backend.learning.vectorize.base import Features, ObjectTag, Standing
from backend.learning.vectorize.numbers import NumberVectorizer


class DescribedVectorizer(NumberVectorizer):
    """Standardized descriptions of files: a value maps parts of a file, such as channels, to vectors.

    Subclasses say which tags they read, which attributes matter, and how a value is read.
    """

    STANDING = Standing.BESIDE
    TAGS: ClassVar[frozenset[str]]
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [(o.value.text, *attributes_of(o, cls.ATTRIBUTES)) for o in shown if o.tag in cls.TAGS]

    @classmethod
    def told_of(cls, fields: tuple[str, ...]) -> str:
        return ""

    def transform(self, values: Sequence[Mapping[str, Any] | None]) -> Features:
        features = super().transform(values)
        # What was read after a fit on nothing has no columns yet; that it was read asks for a new fit.
        read = np.array([isinstance(v, Mapping) and bool(v) for v in values], dtype=bool)
        return Features(features.X, features.embedding, read)


def attributes_of(shown: ObjectTag, names: Sequence[str]) -> list[str]:
    """Return those of an object's attributes that matter, as `name=value`; names are known in any case."""
    given = {name.lower(): value for name, value in shown.attributes.items()}
    return [f"{name}={given[name.lower()]}" for name in names if given.get(name.lower())]
