"""What is known of a model's accuracy over all of a project's tasks, and when it is estimated anew."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.special import expit

from backend.learning.learned import Learned
from backend.log_context import kind_and_place, log_fault
from clean_al import IntelligentSampler
from clean_al.accuracy import ENOUGH_UNIFORM, estimate_accuracy, pool_confidence
from clean_al.calibration import log_odds

logger = logging.getLogger(__name__)

CONFIDENCE = 0.9
# An estimate fits the model five or ten more times. Made only when labels or tasks have grown by this share,
# it costs rounds a small part of their time, be there hundreds of labels or thousands.
GROWTH = 0.1
# Labels from which on there is an early estimate: of 20, held-out answers of ten classes say far too little.
EARLY_LABELS = 40


@dataclass(frozen=True)
class Accuracy:
    """The accuracy over all tasks with its interval, or why it is not known yet.

    Attributes
    ----------
    value, low, high : shares between 0 and 1; None while not known
    confidence : share of such intervals that should hold the true accuracy
    audit_labels : labels that tasks of the audit share have now
    needed : audit labels from which on there is an estimate
    at_labels, at_tasks : the project's labels and tasks when it was estimated
    unknown_because : what is missing; None when it is known
    slope, intercept : how often the model is right when it says that it is this sure; None while not known
    measure : what of the guesses is measured, "accuracy" or of spans their "F1", or of numbers their "error"
    error, error_low, error_high : by how much guessed numbers are off on average, in their unit; else None
    early, early_low, early_high : what all labels say by cross-validation, moved a little by the few audit
        labels; biased, since a sampler chose them, and None where there is a value or too few labels
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = CONFIDENCE
    audit_labels: int = 0
    needed: int = ENOUGH_UNIFORM
    at_labels: int = 0
    at_tasks: int = 0
    unknown_because: str | None = f"0 of {ENOUGH_UNIFORM} audit labels"
    slope: float | None = None
    intercept: float | None = None
    early: float | None = None
    early_low: float | None = None
    early_high: float | None = None
    measure: str = "accuracy"
    error: float | None = None
    error_low: float | None = None
    error_high: float | None = None

    def calibrated(self, confidence: float) -> float | None:
        """Return how likely an answer of this confidence is right; None while that is not known."""
        if self.slope is None or self.intercept is None:
            return None
        return float(expit(self.slope * log_odds(np.array(confidence)) + self.intercept))

    def __str__(self) -> str:
        if self.value is None and self.early is not None:
            return (
                f"early, biased: {self.early:.0%} ({self.early_low:.0%} to {self.early_high:.0%}; of "
                f"{self.at_labels} labels); {self.unknown_because}"
            )
        if self.value is None and self.error is None:
            return f"not known yet: {self.unknown_because}"
        rests = f"estimated at {self.at_labels} labels, {self.audit_labels} audit labels now"
        if self.value is None:
            ends = f"{self.error_low:.3g} to {self.error_high:.3g}"
            return f"off by {self.error:.3g} on average ({ends} at {self.confidence:.0%} confidence; {rests})"
        ends = f"{self.low:.1%} to {self.high:.1%} at {self.confidence:.0%} confidence"
        return f"{self._named}{self.value:.1%} ({ends}; {rests})"

    @property
    def is_known(self) -> bool:
        """Whether there is an estimate, of whatever measure."""
        return self.value is not None or self.error is not None

    @property
    def _named(self) -> str:
        return "" if self.measure == "accuracy" else f"{self.measure} "

    @property
    def short(self) -> str:
        """The value and its interval in whole percent, for a table."""
        if self.value is None and self.early is not None:
            return f"early {self.early:.0%} ({self.early_low:.0%}-{self.early_high:.0%})"
        if self.error is not None:
            return f"off by {self.error:.3g} ({self.error_low:.3g}-{self.error_high:.3g})"
        if self.value is None:
            return "-"
        return f"{self._named}{self.value:.0%} ({self.low:.0%}-{self.high:.0%})"


def read_accuracy(report: dict[str, Any]) -> Accuracy:
    """Return what a stored round report says of accuracy; not known where it says nothing."""
    stored = report.get("accuracy") or {}
    known = {f.name for f in fields(Accuracy)}
    # An older or a newer version may have stored other fields: what is not known here is passed over.
    return Accuracy(**{name: value for name, value in stored.items() if name in known})


def read_accuracies(report: dict[str, Any]) -> dict[str, Accuracy]:
    """Return what a stored round report says of each question's accuracy, by the questions' names."""
    return read_stored({q["name"]: q.get("accuracy") for q in report.get("questions") or ()})


def read_stored(accuracies: dict[str, Any] | None) -> dict[str, Accuracy]:
    """Return accuracies as they were stored, by the questions' names."""
    return {name: read_accuracy({"accuracy": stored}) for name, stored in (accuracies or {}).items()}


def accuracy_now(
    sampler: IntelligentSampler,
    unlabeled: Any,
    last: Accuracy,
    *,
    exploration: float,
    anew: bool = False,
    sure: Callable[[], np.ndarray | None] = lambda: None,
) -> Accuracy:
    """Return the accuracy of the sampler's model over the labeled and the unlabeled tasks together.

    Parameters
    ----------
    sampler : fitted with `uniform`, which tells the labels of the audit share, see `backend.loop.audit`
    unlabeled : array or CSR matrix, the features of the tasks without a label
    last : what was known before; it stands until labels or tasks are a tenth more or fewer
    exploration : the audit share, to say how many labels are to go
    anew : estimate in any case
    sure : gives the model's confidence in each of the unlabeled, where the round has asked for it before

    Notes
    -----
    `clean_al.accuracy` takes the mean calibrated confidence over all tasks and adds the mean residual of the
    audit labels (right or wrong when held out, minus calibrated confidence). A draw is uniform among the
    tasks that had no label at the time, yet its residual stands for all tasks. Over the labeled ones the
    mean residual is about 0, as these have set the calibration; so the estimate is off by about the labeled
    share of all tasks times the audit's residual. Both are small while most tasks have no label.
    """
    labeled = getattr(sampler, "labeled_", None)
    audited = int(labeled.uniform.sum()) if labeled else 0
    missing = _missing(sampler, audited, exploration, unlabeled.shape[0])
    if labeled is None or sampler.model_ is None:
        return Accuracy(audit_labels=audited, unknown_because=missing)
    n_labels = len(labeled.y)
    n_tasks = n_labels + unlabeled.shape[0]
    if not anew and still_stands(last, n_labels, n_tasks, known=missing is None):
        # The count is of now even where the estimate is of then: people watch it grow towards 30.
        return replace(last, audit_labels=audited, unknown_because=missing)
    try:
        found = estimate_accuracy(sampler.model_, labeled, unlabeled, confidence=CONFIDENCE, sure=sure())
    except Exception as error:  # noqa: BLE001  a user's own estimator; the order is served, so no round fails
        log_fault(logger, error, "the accuracy could not be estimated")
        why = f"the estimator failed on a part of the labels: {kind_and_place(error)}"
        return Accuracy(audit_labels=audited, unknown_because=why)
    if math.isnan(found):
        why = "too few labels of some classes to hold any out"
        return Accuracy(audit_labels=audited, unknown_because=why)
    slope, intercept = found.calibration or (None, None)
    known = Accuracy(
        confidence=CONFIDENCE,
        audit_labels=audited,
        at_labels=n_labels,
        at_tasks=n_tasks,
        unknown_because=missing,
        slope=slope,
        intercept=intercept,
    )
    if missing and n_labels >= EARLY_LABELS:
        return replace(known, early=float(found), early_low=float(found.low), early_high=float(found.high))
    if missing:
        # The calibration is of use already; the value is not.
        return known
    return replace(known, value=float(found), low=float(found.low), high=float(found.high))


def confidences(learned: Learned | None, task_ids: np.ndarray, X: Any) -> np.ndarray | None:
    """Return a model's confidence in tasks of which it was asked before, and of a few others; else None.

    Parameters
    ----------
    task_ids, X : the tasks' ids, and their features
    """
    if learned is None or learned.sure is None or learned.sampler is None or not len(learned.sure[0]):
        return None
    asked, found = learned.sure
    order = np.argsort(asked, kind="stable")
    places = order[np.minimum(np.searchsorted(asked, task_ids, sorter=order), len(asked) - 1)]
    values, others = np.asarray(found[places], np.float64), np.flatnonzero(asked[places] != task_ids)
    if len(others):
        values[others] = pool_confidence(learned.sampler.model_, X[others])
    return values


def _missing(sampler: IntelligentSampler, audited: int, exploration: float, n_left: int) -> str | None:
    if (missing := missing_audit(audited, exploration, n_left)) is not None:
        return missing
    return "labels of two classes are needed" if sampler.model_ is None else None


def missing_audit(audited: int, exploration: float, n_left: int) -> str | None:
    """Return what it takes before there are enough audit labels; None when they are there.

    Parameters
    ----------
    n_left : tasks without a label that can be read
    """
    if audited >= ENOUGH_UNIFORM:
        return None
    have = f"{audited} of {ENOUGH_UNIFORM} audit labels"
    if not n_left:
        return f"{have}; no task is left to label"
    if not exploration:
        return f"{have}, and none will come: set the project's option exploration above 0"
    wanted = math.ceil((ENOUGH_UNIFORM - audited) / exploration)
    if n_left < wanted:
        return f"{have}; too few for more, with {n_left} tasks left"
    return f"{have}, about {wanted} more labels to give"


def still_stands(last: Accuracy, n_labels: int, n_tasks: int, *, known: bool) -> bool:
    """Whether an estimate can stay: little has changed, and it says a value exactly when there can be one."""
    pairs = ((n_labels, last.at_labels), (n_tasks, last.at_tasks))
    if last.is_known is not known or last.slope is None:
        return False
    return all(abs(now - then) < GROWTH * then for now, then in pairs)
