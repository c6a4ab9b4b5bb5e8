"""Time series by a small set of features for each channel."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from backend.learning.vectorize.base import Download, look_up
from backend.learning.vectorize.described import DescribedVectorizer
from backend.learning.vectorize.fetching import fetch_one
from backend.learning.vectorize.gaps import NOTHING, Unread
from backend.learning.vectorize.wording import decoded_text

MOST_POINTS = 200_000
MOST_CHANNELS = 200
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LAGS = (1, 2, 5, 10)
BANDS = 4


class SeriesVectorizer(DescribedVectorizer):
    """What `describe` gives of each channel, standardized; a channel that a task lacks has its mean.

    Every numeric column but the time column is a channel. Points count as evenly spaced. Of a file the first
    200,000 rows are read.
    """

    KIND = "time series"
    TAGS = frozenset({"TimeSeries"})
    ATTRIBUTES = ("valueType", "timeColumn", "sep")

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        how = dict(field.split("=", 1) for field in fields[1:])
        return [_read_one(look_up(d, fields[0]), how, download) for d in data]


def describe(points: np.ndarray) -> np.ndarray:
    """Return the features of one channel: shape (18,), float32.

    Mean and deviation; the slope of a straight line from the first to the last point; the 5, 25, 50, 75 and
    95 % quantiles; the autocorrelation after 1, 2, 5 and 10 points; the share of the variance in four bands
    of frequency, each four times as high as the one before; how often the mean is crossed, for each point;
    the logarithm of the length.
    """
    mean, deviation = points.mean(), points.std()
    centered = points - mean
    # By shares of the way, not by points: slopes of a short and of a long record can then be compared.
    place = np.linspace(-0.5, 0.5, len(points))
    slope = float(centered @ place) / max(float(place @ place), 1e-12)
    squares = float(centered @ centered)
    # What stands still but for rounding has no lags or bands: divided by its variance it would get some.
    varies = squares > 1e-12 * max(1.0, mean * mean) * len(points)
    lags = [
        float(centered[k:] @ centered[:-k]) / squares if varies and k < len(points) else 0.0 for k in LAGS
    ]
    crossings = np.count_nonzero(np.diff(np.signbit(centered))) / len(points) if varies else 0.0
    bands = _bands(centered) if varies else [0.0] * BANDS
    shape = [*np.quantile(points, QUANTILES), *lags, *bands, crossings, math.log(len(points))]
    return np.array([mean, deviation, slope, *shape], dtype=np.float32)


def _bands(centered: np.ndarray) -> list[float]:
    power = np.abs(np.fft.rfft(centered))[1:] ** 2
    total = float(power.sum())
    edges = [0.0, *(0.5 / 4**i for i in range(BANDS - 1, 0, -1)), 0.5]
    frequency = np.arange(1, len(power) + 1) / len(centered)
    inside = [(frequency > low) & (frequency <= high) for low, high in pairwise(edges)]
    return [float(power[band].sum()) / total if total > 0 else 0.0 for band in inside]


def _read_one(value: Any, how: Mapping[str, str], download: Download) -> Any:
    if isinstance(value, str) and how.get("valueType", "url").lower() != "json":
        return fetch_one(value, download, partial(take_series, how=how))
    if isinstance(value, str):
        # Halves of characters, which JSON lets through, must not fail a round.
        return take_series(value.encode("utf-8", "replace"), how) if value.strip() else NOTHING
    return _described(_columns(value), how) if value else NOTHING


def take_series(content: bytes, how: Mapping[str, str]) -> Any:
    """Return the description of a CSV or JSON file; an `Unread` where it holds no series."""
    text = decoded_text(content)
    if isinstance(text, Unread):
        return Unread(text.reason.replace("no text", "no CSV or JSON"))
    try:
        if text.lstrip()[:1] in ("{", "["):
            return _described(_columns(json.loads(text)), how)
        return _described(_csv_columns(text, how.get("sep", ",").replace("\\t", "\t")), how)
    except (ValueError, csv.Error, RecursionError):
        return Unread(
            "the time series is neither CSV nor JSON that can be read (cut off?); put it there anew"
        )


def _described(columns: Mapping[str, Any], how: Mapping[str, str]) -> Any:
    time = how.get("timeColumn", "")
    if time and time not in columns and columns:
        return Unread(
            f"the time series has no column {time!r}, which `timeColumn` names; correct the one or the other"
        )
    found: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        points = _numbers(column) if name != time else None
        if points is not None and len(found) < MOST_CHANNELS:
            found[name] = describe(points)
    return found or Unread(
        "the time series has no column of numbers; is `sep` right, which parts its columns?"
    )


def _numbers(column: Any) -> np.ndarray | None:
    """Return the numbers of a column that is mostly numbers; gaps are left out."""
    if not isinstance(column, list) or not column:
        return None
    points = np.fromiter((_number(each) for each in column[:MOST_POINTS]), dtype=np.float64)
    # Larger ones do not fit into float32, in which features are kept.
    points = points[np.isfinite(points) & (np.abs(points) < 1e30)]
    return points if len(points) * 2 > min(len(column), MOST_POINTS) else None


def _number(value: Any) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    return math.nan


def _columns(value: Any) -> dict[str, Any]:
    """Return the columns of JSON: an object of lists, or a list of objects."""
    if isinstance(value, Mapping):
        return {str(name): column for name, column in value.items()}
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    names = dict.fromkeys(str(name) for row in rows[:MOST_POINTS] for name in row)
    return {name: [row.get(name) for row in rows[:MOST_POINTS]] for name in names}


def _csv_columns(text: str, separator: str) -> dict[str, Any]:
    """Return the columns of a CSV, by their names, or by their places where the first row is numbers."""
    rows = csv.reader(io.StringIO(text), delimiter=separator[:1] or ",")
    head = next((row for row in rows if row), [])
    headless = bool(head) and all(math.isfinite(_number(cell)) for cell in head)
    names = [str(i) for i in range(len(head))] if headless else [cell.strip() for cell in head]
    # Without names the first row is a point as any other.
    columns: list[list[Any]] = [[cell] if headless else [] for cell in head]
    for n, row in enumerate(rows):
        if n >= MOST_POINTS:
            break
        for column, cell in zip(columns, row, strict=False):
            column.append(cell)
    return dict(zip(names, columns, strict=True))
