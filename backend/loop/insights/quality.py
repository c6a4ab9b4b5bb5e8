"""How well the model does label by label, and which labels it takes for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from backend.learning.accuracy import CONFIDENCE
from backend.loop.insights.held_out import HeldOut
from backend.store.insight import ConfusedPair, LabelQuality

# Of fewer audit labels an interval says next to nothing.
FEWEST = 8
MOST_PAIRS = 50


def quality_of(held: HeldOut) -> Iterator[LabelQuality]:
    """Yield precision and recall of each label, by the audit labels alone: the others are the hard ones."""
    given, guessed = held.given[held.uniform] > 0, held.guessed[held.uniform] > 0
    for j, label in enumerate(held.labels):
        right = int((given[:, j] & guessed[:, j]).sum())
        precision = share_of(right, int(guessed[:, j].sum()))
        recall = share_of(right, int(given[:, j].sum()))
        n = int(held.given[:, j].sum())
        yield LabelQuality(label, *precision, *recall, labels=n, question=held.control.name)


def share_of(right: int, n: int) -> tuple[float | None, float | None, float | None]:
    """Return a share and its 90 % interval (Clopper & Pearson, Biometrika 1934); Nones of too few."""
    if n < FEWEST:
        return None, None, None
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, right, n - right + 1)) if right else 0.0
    high = float(stats.beta.ppf(1 - tail, right + 1, n - right)) if right < n else 1.0
    return right / n, low, high


def confusion_of(held: HeldOut) -> list[ConfusedPair]:
    """Return what annotators said and models that had not seen it guessed, the most frequent pair first."""
    pairs = _missed_for(held) if held.several else _taken_for(held)
    name = held.control.name
    return [ConfusedPair(given, guessed, n, name) for (given, guessed), n in pairs.most_common(MOST_PAIRS)]


def _taken_for(held: HeldOut) -> Counter[tuple[str, str]]:
    given, guessed = held.given.argmax(axis=1), held.guessed.argmax(axis=1)
    wrong = np.flatnonzero(given != guessed)
    return Counter((held.labels[given[i]], held.labels[guessed[i]]) for i in wrong)


def _missed_for(held: HeldOut) -> Counter[tuple[str, str]]:
    """Of sets: each label that was missed with each that was guessed instead, or with nothing."""
    found: Counter[tuple[str, str]] = Counter()
    for given, guessed in zip(held.given > 0, held.guessed > 0, strict=True):
        missed, extra = np.flatnonzero(given & ~guessed), np.flatnonzero(guessed & ~given)
        found.update((a, b) for a in _names(held, missed) for b in _names(held, extra) if a != b)
    return found


def _names(held: HeldOut, columns: np.ndarray) -> Sequence[str]:
    return [held.labels[j] for j in columns] or ["nothing"]
