"""Some tasks of a project, as a control learns from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backend.learning.vectorize import Features

Data = Mapping[str, Any]
ReadData = Callable[[np.ndarray], Iterable[Data]]
ReadPredictions = Callable[[np.ndarray, str | None], Sequence[Data | None]]


class Tasks:
    """A lazy view of some tasks: their features at hand, their data and predictions read when asked for.

    Parameters
    ----------
    ids : array of shape (n_tasks,), int64
    features : Features, row by row like `ids`
    read : gives the data of the tasks with these ids, in their order
    predictions : gives what another model's version, or the newest of any, predicted of each of these tasks,
        None where it said nothing
    """

    def __init__(
        self,
        ids: np.ndarray,
        features: Features,
        read: ReadData,
        predictions: ReadPredictions | None = None,
    ):
        self.ids, self.features = ids, features
        self._read, self._predictions = read, predictions

    @classmethod
    def of(cls, data: Sequence[Data], features: Features) -> Tasks:
        """Return tasks that are in no pool; their ids are their places."""
        return cls(np.arange(len(features)), features, lambda ids: [data[int(i)] for i in ids])

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def data(self) -> list[Data]:
        """The tasks' data, as Label Studio holds it."""
        # Read once for all questions, and not at all where features are enough: the pool's texts are large.
        return list(self._read(self.ids))

    def predictions(self, version: str | None) -> list[Data | None]:
        """Return what another model predicted of each task: a version of it, or the newest of any."""
        return list(self._predictions(self.ids, version)) if self._predictions else [None] * len(self)

    def rows(self, index: np.ndarray) -> Tasks:
        """Return the tasks at these rows."""
        return Tasks(self.ids[index], self.features.rows(index), self._read, self._predictions)
