"""Another model's predictions as a source of doubt: which tasks it has probably got wrong.

Each region (or choice) comes with a confidence. How often a region of this confidence and label is right is
learned where annotators have corrected the model's work, a calibration a label; the task's doubt is the
chance that some region of it is wrong. Without corrections the confidences are taken as they are.

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
Result = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ForeignDoubt:
    """How likely another model is wrong about a task.

    Attributes
    ----------
    calibrations : (slope, intercept) by label, see `clean_al.calibration`
    corrected : regions that annotators have confirmed or corrected
    """

    calibrations: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    corrected: int = 0

    @classmethod
    def learned(
        cls, predicted: Mapping[int, Result], annotated: Mapping[int, Sequence[Annotation]]
    ) -> ForeignDoubt:
        """Return what the annotations of these tasks say of the predictions for them."""
        seen: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for task, given in annotated.items():
            finished = [a for a in given if not a.was_cancelled]
            if finished and task in predicted:
                # The newest annotation is the last word on the task.
                truth = max(finished, key=lambda a: (a.ground_truth, a.updated_at, a.id)).result
                for label, confidence, item in _scored(predicted[task]):
                    seen[label].append((confidence, any(_same(item, other) for other in truth)))
        return cls(
            {label: _calibration(pairs) for label, pairs in seen.items()}, sum(map(len, seen.values()))
        )

    def of(self, predictions: Sequence[Mapping[str, Any] | None]) -> np.ndarray:
        """Return the doubt of each task, from 0 to 1; one without a prediction is as doubtful as the mean."""
        known = [None if p is None else self._of(p) for p in predictions]
        given = [doubt for doubt in known if doubt is not None]
        mean = float(np.mean(given)) if given else 0.5
        return np.array([mean if doubt is None else doubt for doubt in known])

    def _of(self, prediction: Mapping[str, Any]) -> float:
        regions = [self._right(label, confidence) for label, confidence, _ in _scored(prediction["result"])]
        if regions:
            return 1 - float(np.prod(regions))
        score = prediction.get("score")
        # Nothing found: the model's own score of the task is all that there is.
        return 1 - min(max(float(score), 0.0), 1.0) if isinstance(score, int | float) else UNSCORED

    def _right(self, label: str, confidence: float) -> float:
        slope, intercept = self.calibrations.get(label, (1.0, 0.0))
        return float(expit(slope * log_odds(np.array(confidence)) + intercept))


def _calibration(pairs: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    z = log_odds(np.array([confidence for confidence, _ in pairs]))
    correct = np.array([float(right) for _, right in pairs])
    slope, intercept = fit_calibration(z, correct, np.ones((1, len(z))))
    return float(slope[0]), float(intercept[0])


def _scored(result: Result) -> Iterator[tuple[str, float, Mapping[str, Any]]]:
    """Yield the label, the confidence and the item of each region that has a confidence."""
    for item in result:
        score = item.get("score") if isinstance(item, Mapping) else None
        if isinstance(score, int | float) and not isinstance(score, bool) and np.isfinite(score):
            yield _label(item), min(max(float(score), 0.0), 1.0), item


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
