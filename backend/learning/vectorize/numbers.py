"""Numbers and vectors in task data, brought to one scale."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np

from backend.learning.vectorize.base import (
    Download,
    Features,
    ObjectTag,
    Standing,
    State,
    Vectorizer,
    look_up,
)

EMBEDDING_FIELD = "embedding"
MAX_FEATURES = 20_000
_ID = re.compile(r"(^|[_\-. ])(id|Id|ID|uuid|UUID|guid)$|[a-z](Id|ID)$", re.ASCII)


class NumberVectorizer(Vectorizer):
    """Standardized numeric columns; a value that is missing or not finite takes the column's mean.

    A value is a mapping of field names to numbers or to vectors of numbers. A field's width is the one that
    most tasks give it; a vector of another width counts as missing.
    """

    KIND = "numbers"
    STANDING = Standing.ALONE

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        if named:
            return [tuple(named)]
        # In more than half of them: a few tasks may have been imported without.
        holding = sum(isinstance(data.get(EMBEDDING_FIELD), list) for data in sample)
        return [(EMBEDDING_FIELD,)] if holding * 2 > len(sample) else []

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return [{field: as_array(look_up(d, field)) for field in fields} for d in data]

    @classmethod
    def told_of(cls, fields: tuple[str, ...]) -> str:
        return f"learns from the {'field' if len(fields) == 1 else 'fields'} {', '.join(fields)}"

    def fit(self, values: Sequence[Mapping[str, Any] | None]) -> Self:
        self.widths_ = _widths(v for v in values if isinstance(v, Mapping))
        table = self._table(values)
        known = np.isfinite(table)
        count = np.maximum(known.sum(0), 1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = table.sum(0, where=known) / count
            self.mean_ = np.where(np.isfinite(mean), mean, 0.0)
            table -= self.mean_
            spread = np.sqrt(np.square(table, out=table).sum(0, where=known) / count)
        self.scale_ = np.where((spread > 0) & np.isfinite(spread), spread, 1.0)
        return self

    def transform(self, values: Sequence[Mapping[str, Any] | None]) -> Features:
        table = self._table(values)
        known = np.isfinite(table)
        with np.errstate(over="ignore"):
            table -= self.mean_
            table /= self.scale_
        table[~known] = 0
        # One wild value, thirty deviations away, would else be all that distances and weights see.
        X = np.clip(table, -30, 30, out=table).astype(np.float32)
        return Features(X, X, known.any(axis=1))

    def state(self) -> State:
        return {"widths": self.widths_}, {"mean": self.mean_, "scale": self.scale_}

    @classmethod
    def from_state(cls, state: State) -> Self:
        vectorizer = cls()
        vectorizer.widths_ = state[0]["widths"]
        vectorizer.mean_, vectorizer.scale_ = state[1]["mean"], state[1]["scale"]
        return vectorizer

    def _table(self, values: Sequence[Mapping[str, Any] | None]) -> np.ndarray:
        # At least one column, so that tasks without any number still have features: zeros.
        table = np.full((len(values), max(1, sum(self.widths_.values()))), np.nan)
        for row, value in zip(table, values, strict=True):
            start = 0
            given = value if isinstance(value, Mapping) else {}
            for field, width in self.widths_.items():
                numbers = as_numbers(given.get(field))
                if numbers is not None and len(numbers) == width:
                    row[start : start + width] = numbers
                start += width
        return table


class SpareNumbers(NumberVectorizer):
    """Every numeric field of the task data but ids, for projects that show nothing else that can be read."""

    KIND = "spare numbers"
    STANDING = Standing.LAST

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        columns: dict[str, list[Any]] = {}
        for data in sample:
            for name, value in data.items():
                if as_numbers(value) is not None:
                    columns.setdefault(name, []).append(value)
        numeric = sorted(name for name, column in columns.items() if not is_id(name, column))
        return [tuple(numeric)] if numeric else []


def is_id(name: str, column: Sequence[Any]) -> bool:
    """Whether a field only names the task: it is called so, or holds integers that grow from task to task."""
    if names_a_task(name):
        return True
    whole = all(_is_number(v) and not isinstance(v, float) for v in column)
    return whole and len(column) > 2 and all(a < b for a, b in pairwise(column))


def names_a_task(name: str) -> bool:
    """Whether a field is called as ids are."""
    return bool(_ID.search(name))


def as_array(value: Any) -> np.ndarray | None:
    """Return what `as_numbers` does in a fraction of the memory: vectors as float32."""
    numbers = as_numbers(value)
    if numbers is None:
        return None
    with np.errstate(over="ignore"):
        # A lone number may be a time in seconds, of which float32 keeps two minutes.
        return np.array(numbers, dtype=np.float64 if len(numbers) == 1 else np.float32)


def as_numbers(value: Any) -> Sequence[float] | np.ndarray | None:
    """Return a number or a list of numbers as floats (NaN where one is null), or None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    items = value if isinstance(value, list) else [value]
    if not items or not all(_is_number(i) or (i is None and isinstance(value, list)) for i in items):
        return None
    return [math.nan if i is None else _as_float(i) for i in items]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _widths(values: Iterator[Mapping[str, Any]]) -> dict[str, int]:
    seen: dict[str, dict[int, int]] = {}
    for value in values:
        for field, content in value.items():
            numbers = as_numbers(content)
            if numbers is not None:
                votes = seen.setdefault(field, {})
                votes[len(numbers)] = votes.get(len(numbers), 0) + 1
    widths: dict[str, int] = {}
    for field in sorted(seen):
        width = max(seen[field], key=lambda w: (seen[field][w], w))
        # A field that would be too much is left out whole: half of a vector means nothing.
        if sum(widths.values()) + width <= MAX_FEATURES:
            widths[field] = width
    return widths
