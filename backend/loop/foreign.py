"""Another model's predictions as a source of doubt: which tasks it has probably got wrong.

Each region (or choice) comes with a confidence. How often a region of this confidence and label is right is
learned where annotators have corrected the model's work, a calibration a label; the task's doubt is the
chance that some region of it is wrong. Without corrections the confidences are taken as they are. Where
nothing was found there is no confidence to go by: what counts is how often annotators had something to add to
such tasks.

References
----------
The calibration a class is after PAL (arXiv 2605.10349), without its count of raw boxes, which Label Studio
does not hold. Platt, Probabilities for SV Machines, 1999.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from backend.label_studio.records import Annotation
from clean_al.calibration import fit_calibration, log_odds

SAME = 0.5  # intersection over union from which on two boxes are the same object
UNSCORED = 0.5
# Before annotators have seen tasks on which nothing was found: how doubtful they are beside the others,
# and how many of them it takes to believe otherwise.
EMPTY_SHARE, EMPTY_WEIGHT = 0.5, 4.0
Result = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ForeignDoubt:
    """How likely another model is wrong about a task.

    Attributes
    ----------
    calibrations : (slope, intercept) by label, see `clean_al.calibration`
    corrected : regions that annotators have confirmed or corrected
    empty : tasks on which it found nothing that annotators have seen
    filled : those of them to which annotators added something
    """

    calibrations: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    corrected: int = 0
    empty: int = 0
    filled: int = 0

    @classmethod
    def learned(
        cls, predicted: Mapping[int, Result], annotated: Mapping[int, Sequence[Annotation]]
    ) -> ForeignDoubt:
        """Return what the annotations of these tasks say of the predictions for them."""
        seen: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        controls = {item.get("from_name") for result in predicted.values() for item in _items(result)}
        added = []
        for task, truth in _last_words(annotated):
            result = predicted.get(task)
            if result is None:
                continue
            for label, confidence, item in _scored(result):
                seen[label].append((confidence, any(_same(item, other) for other in truth)))
            if not any(_items(result)):
                # What an annotator says to other questions is no mistake of this model.
                mine = (not controls or item.get("from_name") in controls for item in _items(truth))
                added.append(any(mine))
        calibrations = {label: _calibration(pairs) for label, pairs in seen.items()}
        return cls(calibrations, sum(map(len, seen.values())), len(added), sum(added))

    def of(self, predictions: Sequence[Mapping[str, Any] | None]) -> np.ndarray:
        """Return the doubt of each task, from 0 to 1; one without a prediction is as doubtful as the mean."""
        known = np.array([np.nan if p is None else self._of(p) for p in predictions])
        empty = np.array([p is not None and not any(_items(p["result"])) for p in predictions], dtype=bool)
        known[empty] = self._of_empty(known[empty], known[~empty])
        mean = known[~np.isnan(known)].mean() if not np.isnan(known).all() else UNSCORED
        return np.where(np.isnan(known), mean, known)

    def _of(self, prediction: Mapping[str, Any]) -> float:
        regions = [self._right(label, confidence) for label, confidence, _ in _scored(prediction["result"])]
        if regions:
            return 1 - float(np.prod(regions))
        # Without a confidence of its own a region has that of the whole.
        score = _confidence(prediction)
        return UNSCORED if score is None else 1 - score

    def _of_empty(self, said: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the doubt of tasks on which nothing was found, from what the model itself says of them."""
        # Models score "nothing found" 0 as often as 1: that alone must not put such tasks before all others.
        others = others[~np.isnan(others)]
        before = np.minimum(said, EMPTY_SHARE * others.mean()) if len(others) else said
        return (self.filled + EMPTY_WEIGHT * before) / (self.empty + EMPTY_WEIGHT)

    def _right(self, label: str, confidence: float) -> float:
        slope, intercept = self.calibrations.get(label, (1.0, 0.0))
        return float(expit(slope * log_odds(np.array(confidence)) + intercept))


def _calibration(pairs: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    z = log_odds(np.array([confidence for confidence, _ in pairs]))
    correct = np.array([float(right) for _, right in pairs])
    slope, intercept = fit_calibration(z, correct, np.ones((1, len(z))))
    return float(slope[0]), float(intercept[0])


def _last_words(annotated: Mapping[int, Sequence[Annotation]]) -> Iterator[tuple[int, Result]]:
    """Yield each task that annotators have finished, and what the last of them says of it."""
    for task, given in annotated.items():
        finished = [a for a in given if not a.was_cancelled]
        if finished:
            yield task, max(finished, key=lambda a: (a.ground_truth, a.updated_at, a.id)).result


def _items(result: Result) -> Iterator[Mapping[str, Any]]:
    return (item for item in result if isinstance(item, Mapping))


def _scored(result: Result) -> Iterator[tuple[str, float, Mapping[str, Any]]]:
    """Yield the label, the confidence and the item of each region that has a confidence."""
    for item in _items(result):
        score = _confidence(item)
        if score is not None:
            yield _label(item), score, item


def _confidence(scored: Mapping[str, Any]) -> float | None:
    """Return the score of a region or of a whole prediction, within 0 and 1; None without one."""
    score = scored.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not np.isfinite(score):
        return None
    return min(max(float(score), 0.0), 1.0)


def _label(item: Mapping[str, Any]) -> str:
    value = item.get("value")
    names = value.get(str(item.get("type"))) if isinstance(value, Mapping) else None
    return str(names[0]) if isinstance(names, list) and names else str(item.get("type"))


def _same(item: Mapping[str, Any], other: Any) -> bool:
    """Whether an annotated item is the predicted one: of the same control, label and place."""
    if not isinstance(other, Mapping) or item.get("from_name") != other.get("from_name"):
        return False
    one, two = item.get("value"), other.get("value")
    if not isinstance(one, Mapping) or not isinstance(two, Mapping) or _label(item) != _label(other):
        return False
    boxes = _box(one), _box(two)
    if boxes[0] is None or boxes[1] is None:
        return dict(one) == dict(two)
    return _overlap(boxes[0], boxes[1]) >= SAME


def _box(value: Mapping[str, Any]) -> tuple[float, ...] | None:
    numbers = [value.get(name) for name in ("x", "y", "width", "height")]
    if all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        return tuple(float(n) for n in numbers)  # type: ignore[arg-type]
    return None


def _overlap(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    """Return the intersection over union of two upright boxes (x, y, width, height)."""
    wide = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    high = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    common = max(wide, 0.0) * max(high, 0.0)
    union = one[2] * one[3] + two[2] * two[3] - common
    return common / union if union > 0 else float(one == two)
