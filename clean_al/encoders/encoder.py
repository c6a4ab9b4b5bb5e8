"""The class that users hold: any source, defined rows for every value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import Model, translated
from clean_al.encoders.sources import open_model
from clean_al.validation import check_count


class Encoder:
    """What text and image encoders share; they say how a value is read before the model sees it.

    Attributes
    ----------
    identity : str
        Names the model and the checksum of all its rows depend on: other identity, other features.
    dimension : int
    """

    kind: ClassVar[str]
    # Values read at once: what is held beside the rows, however many values there are.
    window: ClassVar[int]

    def __init__(self, name: str = "auto", *, threads: int = 1):
        self.name = name
        self._model: Model = open_model(self.kind, name, check_count(threads, "threads"))
        self.identity = str(self._model.identity)
        self.dimension = int(self._model.dimension)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})  # {self.identity}, {self.dimension} columns"

    def encode(self, values: Sequence[Any], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Rows of shape (n, dimension), float32: zeros for what is missing, empty or cannot be read.

        A row does not depend on what else is encoded with it, to within 1e-3.

        Parameters
        ----------
        values : sequence
        progress : callable, optional
            Is told how many values are done, now and then.

        Raises
        ------
        TypeError
            A value is of a type that cannot be encoded; the message names its place.
        EncoderRefused
            The model fails, or gives rows of another shape.
        """
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise TypeError(f"values must be a list of {self.kind}s, not {type(values).__name__}")
        values = list(values)  # a column of a table counts by its own index
        # Zeros are what unreadable values stay at: rows and values keep the same numbers.
        table = np.zeros((len(values), self.dimension), dtype=np.float32)
        for start in range(0, len(values), self.window):
            stop = min(start + self.window, len(values))
            # A window at a time: a pool of decoded pictures would not fit into memory.
            read = {i: self._read(values[i], i) for i in range(start, stop)}
            rows = [i for i, value in read.items() if value is not None]
            if rows:
                table[rows] = self._rows([read[i] for i in rows])
            if progress is not None:
                progress(stop)
        return table

    def _read(self, value: Any, place: int) -> Any:
        """The value as the model takes it, or None for a row of zeros."""
        raise NotImplementedError

    def _rows(self, ready: list[Any]) -> np.ndarray:
        with translated(EncoderRefused, f"{self.name} fails"):
            rows = np.array(self._model.encode(ready), dtype=np.float32)
        if rows.shape != (len(ready), self.dimension):
            raise EncoderRefused(
                f"{self.name} gives an array of shape {rows.shape} for {len(ready)} {self.kind}s, not "
                f"({len(ready)}, {self.dimension})"
            )
        # One nan in a row would make every distance and every fit nan.
        rows[~np.isfinite(rows).all(axis=1)] = 0
        return rows


def is_missing(value: Any) -> bool:
    """None, or the NaN that tables have in its place."""
    return value is None or (isinstance(value, float) and value != value)
