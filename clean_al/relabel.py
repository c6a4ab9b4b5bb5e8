"""A new item, or a second opinion on an old one? What the next label is worth more for.

Goh & Mueller, ActiveLab: Active Learning with Re-Labeling by Multiple Annotators, 2023: every item gets the
confidence in its consensus label from the model, from all of its annotators, and from one imaginary annotator
who knows nothing; each is weighed by how much better than the base rate it has been. The least
confident come first. Ours beyond the paper: where votes are even, those decide who have been right more
often. Use it when several annotators label the same items and some of them err.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clean_al.columns import is_frame, is_missing
from clean_al.pool import top
from clean_al.validation import as_numbers, check_count

Annotations = Mapping[Hashable, Any]
# Two labels of an average annotator: one agreement by luck must not make somebody infallible.
PRIOR_LABELS = 2.0


@dataclass(frozen=True, eq=False)
class RelabelSuggestions:
    """Which items to label next, new ones and old ones alike.

    Attributes
    ----------
    rows : int array of shape (n_samples,), most urgent first
    is_relabel : bool array aligned with rows, True where the item has a label already
    confidence : float array of shape (n_items,), confidence in the item's label of now
    consensus : array of shape (n_items,), the label of now; the model's where nobody labeled it
    """

    rows: np.ndarray
    is_relabel: np.ndarray
    confidence: np.ndarray
    consensus: np.ndarray


def suggest_relabels(
    annotations: Any,
    probabilities: Any,
    classes: Any,
    n_samples: int,
    *,
    random_state: int = 0,
) -> RelabelSuggestions:
    """Rank all items by how little their present label can be trusted.

    Parameters
    ----------
    annotations : sequence of n_items mappings of annotator to label; or a data frame or an array of shape
        (n_items, n_annotators), a column for each annotator. No label is left out, or None or NaN.
    probabilities : array of shape (n_items, n_classes), the model's, held out where an item was trained on
    classes : labels of the columns
    n_samples : int in [1, n_items]

    Raises
    ------
    ValueError
        Shapes that do not fit, probabilities that are none, labels that are not among classes.
    TypeError
        Annotations in another form.
    """
    annotations = _by_item(annotations)
    p = as_numbers(probabilities, "probabilities", "shape (n_items, n_classes)")
    classes = _checked_classes(classes)
    if p.ndim != 2 or p.shape != (len(annotations), len(classes)):
        raise ValueError(
            f"probabilities must have shape ({len(annotations)}, {len(classes)}), items by classes, "
            f"not {p.shape}"
        )
    if not np.isfinite(p).all() or (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise ValueError("probabilities must be finite, not negative, and add up to 1 in every row")
    n = check_count(n_samples, "n_samples", high=len(annotations))
    column = {label: i for i, label in enumerate(classes.tolist())}
    votes = [_columns(item, column, row) for row, item in enumerate(annotations)]
    first = np.array([_consensus(v, p[row]) for row, v in enumerate(votes)], np.intp)
    # Who has been right so far decides where votes are even: the model alone may have learned the wrong one.
    voices = _voices(votes, first, p)
    consensus = np.array([_weighed(v, p[row], first[row], voices) for row, v in enumerate(votes)], np.intp)
    confidence = _confidence(votes, consensus, p)
    rows = top(-confidence, n, np.random.default_rng(random_state))
    labeled = np.array([bool(v) for v in votes])
    return RelabelSuggestions(rows, labeled[rows], confidence, classes[consensus])


def _checked_classes(classes: Any) -> np.ndarray:
    try:
        array = np.asarray(classes)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1 or not all(_is_hashable(label) for label in array.tolist()):
        raise ValueError("classes must be the labels of the columns, one each")
    return array


def _is_hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


def _by_item(annotations: Any) -> list[Annotations]:
    """One mapping of annotator to label per item, of the labels that were given."""
    if is_frame(annotations):
        columns = {name: list(annotations[name]) for name in annotations.columns}
        items = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    elif isinstance(annotations, np.ndarray) and annotations.ndim == 2:
        items = [dict(enumerate(row)) for row in annotations.tolist()]
    elif _is_sequence_of_mappings(annotations):
        items = [dict(item) for item in annotations]
    else:
        raise TypeError(
            "annotations must be one mapping of annotator to label per item, [{'ann': 'a', 'bo': 'b'}, {}], "
            "or a data frame or array with a column for each annotator and NaN where one gave no label, not "
            f"{type(annotations).__name__}"
        )
    return [{a: label for a, label in item.items() if not is_missing(label)} for item in items]


def _is_sequence_of_mappings(value: Any) -> bool:
    is_many = hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping))
    return is_many and all(isinstance(item, Mapping) for item in value)


def _columns(item: Annotations, column: dict[Any, int], row: int) -> dict[Hashable, int]:
    unknown = [label for label in item.values() if not _is_hashable(label) or label not in column]
    if unknown:
        raise ValueError(f"annotations[{row}] has the label {unknown[0]!r}, which is not among classes")
    return {annotator: column[label] for annotator, label in item.items()}


def _consensus(votes: dict[Hashable, int], p: np.ndarray) -> int:
    """The majority's label; the model breaks ties and speaks where nobody voted."""
    if not votes:
        return int(p.argmax())
    return max(_most_frequent(votes), key=lambda c: p[c])


def _most_frequent(votes: dict[Hashable, int]) -> list[int]:
    counts = Counter(votes.values())
    return [c for c, k in counts.items() if k == max(counts.values())]


@dataclass(frozen=True)
class _Voices:
    """How often each annotator agrees with the consensus, and how much each of them and the model weighs."""

    agreement: dict[Hashable, float]
    weights: dict[Hashable, float]
    model: float


def _voices(votes: list[dict[Hashable, int]], consensus: np.ndarray, p: np.ndarray) -> _Voices:
    base = _base_rate(votes, consensus)
    agreement = _agreement(votes, consensus)
    labeled = np.array([bool(v) for v in votes])
    right = float(np.mean(p[labeled].argmax(axis=1) == consensus[labeled])) if labeled.any() else 1.0
    return _Voices(agreement, {who: skill(a, base) for who, a in agreement.items()}, skill(right, base))


def _weighed(votes: dict[Hashable, int], p: np.ndarray, first: int, voices: _Voices) -> int:
    """The label with most votes; where they are even, that of the weightier annotators and the model."""
    tied = _most_frequent(votes) if votes else []
    if len(tied) < 2:
        return first
    said = {c: voices.model * p[c] for c in tied}
    for who, c in votes.items():
        if c in said:
            said[c] += voices.weights[who] * voices.agreement[who]
    return max(tied, key=lambda c: said[c])


def _confidence(votes: list[dict[Hashable, int]], consensus: np.ndarray, p: np.ndarray) -> np.ndarray:
    voices = _voices(votes, consensus, p)
    agreement, weights, model_weight = voices.agreement, voices.weights, voices.model
    # Goh & Mueller's imaginary annotator: as weighty as the average voice, and sure of nothing (1 / k).
    nobody = float(np.mean([model_weight, *weights.values()]))
    k = p.shape[1]
    result = np.empty(len(votes))
    for row, item in enumerate(votes):
        total = model_weight + nobody
        value = model_weight * p[row, consensus[row]] + nobody / k
        for annotator, label in item.items():
            a = agreement[annotator]
            value += weights[annotator] * (a if label == consensus[row] else (1 - a) / max(k - 1, 1))
            total += weights[annotator]
        result[row] = value / total
    return result


def _base_rate(votes: list[dict[Hashable, int]], consensus: np.ndarray) -> float:
    """How often the most frequent label is right."""
    known = [int(c) for c, v in zip(consensus, votes, strict=True) if v]
    return max(Counter(known).values()) / len(known) if known else 0.0


def _agreement(votes: list[dict[Hashable, int]], consensus: np.ndarray) -> dict[Hashable, float]:
    """How often each annotator agrees with the consensus where others voted too, drawn towards the mean."""
    agreed: Counter[Hashable] = Counter()
    asked: Counter[Hashable] = Counter()
    for item, label in zip(votes, consensus.tolist(), strict=True):
        for annotator, vote in item.items():
            # Alone, a vote is the consensus, and agreement with oneself says nothing.
            if len(item) > 1:
                asked[annotator] += 1
                agreed[annotator] += vote == label
    # One agreement more than was seen: before anybody has been checked the mean is 1, not 0 / 0.
    mean = (sum(agreed.values()) + 1) / (sum(asked.values()) + 1)
    everyone = {annotator for item in votes for annotator in item}
    return {a: (agreed[a] + PRIOR_LABELS * mean) / (asked[a] + PRIOR_LABELS) for a in everyone}


def skill(accuracy: float, base: float) -> float:
    """Return how much of the base rate's errors are avoided; a little even for the unskilled."""
    # The floor below keeps a pool of nearly one class from dividing by zero.
    return max(1 - (1 - accuracy) / max(1 - base, 0.05), 0.05)
