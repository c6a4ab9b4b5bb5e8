"""What the loop needs of a vectorizer."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from backend.learning.vectorize.gaps import Gaps, Unread
from exporters.label_studio.labeling_config import ObjectTag
from exporters.label_studio.value_expression import ValueExpression

# What a fitted vectorizer is made of: JSON values and arrays, so that no pickle is ever stored.
State = tuple[dict[str, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Features:
    """The numbers of some tasks, row by row.

    Attributes
    ----------
    X : array or CSR matrix of shape (n_tasks, n_features), float32
        What the classifier reads.
    embedding : array of shape (n_tasks, n_dimensions), float32
        Where distances between tasks are measured.
    readable : array of shape (n_tasks,), bool
        False where the task's data could not be read; its row is zero.
    gaps : Gaps, optional
        Which values could not be read and why; a reader notes it, a single vectorizer does not.
    """

    X: np.ndarray | sparse.csr_matrix
    embedding: np.ndarray
    readable: np.ndarray
    gaps: Gaps | None = None

    def __len__(self) -> int:
        return int(self.embedding.shape[0])

    def rows(self, index: np.ndarray) -> Features:
        """Return the features of the tasks at `index`; these very ones where that is all, in order."""
        # A copy of a pool's features can be gigabytes.
        if len(index) == len(self) and np.array_equal(index, np.arange(len(self))):
            return self
        X = self.X[index]
        # One array stays one: rows and embedding of numbers are the same, and would be stored twice.
        embedding = X if self.embedding is self.X else self.embedding[index]
        return Features(X, embedding, self.readable[index], self.gaps.rows(index) if self.gaps else None)

    @staticmethod
    def concatenate(parts: Sequence[Features]) -> Features:
        """Return the features of several groups of tasks, one below the other."""
        if len(parts) == 1:
            return parts[0]
        matrices = [part.X for part in parts]
        stack = sparse.vstack(matrices, format="csr") if sparse.issparse(matrices[0]) else np.vstack(matrices)
        same = all(part.embedding is part.X for part in parts)
        gaps = [part.gaps for part in parts if part.gaps is not None]
        return Features(
            stack,
            stack if same else np.vstack([part.embedding for part in parts]),
            np.concatenate([part.readable for part in parts]),
            Gaps.concatenate(gaps) if len(gaps) == len(parts) else None,
        )


@dataclass(frozen=True)
class InputSpec:
    """What is read of each task.

    Attributes
    ----------
    kind : the vectorizer's
    fields : values as a labeling config writes them ("$text"), or plain names of the task data; after them
        what a vectorizer must know beside them, as it writes it to itself ("valueType=url")
    """

    kind: str
    fields: tuple[str, ...]


class Standing(Enum):
    """When a vectorizer has a say, where several find something to read."""

    ALONE = "it is all that is read"
    BESIDE = "it is read beside the others"
    LAST = "it is read where nothing else can be"


# Where a <Repeater> puts the number of the entry.
_INDEX = re.compile(r"\{\{\w*\}\}")
MOST_REPEATS = 200

_expression = lru_cache(maxsize=256)(ValueExpression)

Download = Callable[[str], bytes]


class Vectorizer(ABC):
    """Turns a part of the task data (a text, a picture, numbers) into features.

    Parameters
    ----------
    seed : int, for all that is random in `fit`
    """

    KIND: ClassVar[str]
    STANDING: ClassVar[Standing] = Standing.BESIDE
    # The kind of pretrained encoder that may read the same fields: "text", "image", or none.
    ENCODED_AS: ClassVar[str] = ""

    def __init__(self, seed: int = 0):
        self.seed = seed

    @classmethod
    @abstractmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        """Return the fields to read, a tuple for each copy of this vectorizer; none when there is nothing.

        Parameters
        ----------
        shown : what annotators see, in the config's order
        sample : the data of some tasks
        named : the fields that the project asks for
        """

    @classmethod
    @abstractmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        """Return what `fit` and `transform` take of each task; an `Unread` where it cannot be had.

        Raises
        ------
        LabelStudioUnreachable
            When Label Studio does not answer now; a file that is missing, refused or damaged is unread.
        """

    @classmethod
    def read_to_encode(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[list[Any]]:
        """Return what an encoder reads of each task: several values, such as pages, or none."""
        values = cls.read(fields, data, download)
        return [[] if value is None or isinstance(value, Unread) else [value] for value in values]

    @classmethod
    def told_of(cls, fields: tuple[str, ...]) -> str:
        """Return what the status says of these fields; empty where the labeling config says it already."""
        return ""

    @abstractmethod
    def fit(self, values: Sequence[Any]) -> Self:
        """Learn scales and vocabularies from the pool; labels are never seen here."""

    @abstractmethod
    def transform(self, values: Sequence[Any]) -> Features:
        """Return the features of `values`; `Unread` or None stands for one that could not be read."""

    @abstractmethod
    def state(self) -> State:
        """Return everything that `from_state` needs."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Self:
        """Return the vectorizer that gave `state`."""

    @property
    def n_sketch(self) -> int:
        """How many of the first features are a sketch of the others; see `SketchedLogisticRegression`."""
        return 0


def look_up(data: Mapping[str, Any], field: str) -> Any:
    """Return what a field shows of a task: a value as a labeling config writes it, or a plain name.

    Dots in a plain name are nesting where there is no such key. Of what a <Repeater> repeats it is the first.
    """
    field = _INDEX.sub("0", field)
    if "$" in field:
        return _expression(field).resolve(data)
    if field in data:
        return data[field]
    value: Any = data
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def look_up_each(data: Mapping[str, Any], field: str) -> list[Any]:
    """Return what a field shows of a task: one value, or one for each entry where a <Repeater> repeats it."""
    flag = _INDEX.search(field)
    if flag is None:
        return [look_up(data, field)]
    found: list[Any] = []
    for i in range(MOST_REPEATS):
        written = field.replace(flag[0], str(i))
        # Of repeaters within repeaters: whether there is such an entry of the outer one.
        known = _INDEX.split(written)[0].rstrip("[.")
        if len(found) >= MOST_REPEATS or not _expression(known).is_found_in(data):
            break
        found += look_up_each(data, written)
    return found[:MOST_REPEATS]
