"""How good a model is that no sampler has fitted: by its guesses on answers that were held out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy, missing_audit, still_stands
from backend.learning.answers import Answer, Guess
from backend.learning.controls import Control
from backend.learning.learned import How, Learned
from backend.learning.tasks import Tasks
from backend.log_context import kind_and_place, log_fault
from clean_al.calibration import fit_calibration, log_odds

logger = logging.getLogger(__name__)

FOLDS = 4
# Fewer held-out answers say little; more, drawn at random, cost time and say hardly more.
FEWEST, MOST = 20, 2000

HeldOut = list[tuple[int, Guess]]


def accuracy_held_out(
    control: Control,
    learned: Learned,
    tasks: Tasks,
    answers: Sequence[Answer],
    how: How,
    last: Accuracy,
    n_tasks: int,
    *,
    exploration: float = 0.0,
    anew: bool = False,
) -> Accuracy:
    """Return what is known of a model without a sampler: its calibration, and its measure over all tasks.

    The measure rests on the guesses at the audit labels alone, by models that have seen three quarters of all
    labels: so it is a little low.

    Parameters
    ----------
    tasks, answers, how : what it was learned from
    last : what was known before; it stands until labels or tasks are a tenth more or fewer
    n_tasks : tasks of the project that can be read
    exploration : the audit share, to say how many labels are to go
    """
    audited = int(how.uniform.sum())
    missing = missing_audit(audited, exploration, n_tasks - len(answers))
    if not anew and still_stands(last, len(answers), n_tasks, known=missing is None):
        return replace(last, audit_labels=audited, unknown_because=missing)
    held: HeldOut = []
    if control.SHOWS or missing is None:
        try:
            held = _held_out(control, tasks, answers, how)
        except Exception as error:  # noqa: BLE001  the order is served: what a part of the answers does fails no round
            log_fault(logger, error, "%s: no answer could be held out", control.name)
            missing = f"learning failed on a part of the labels: {kind_and_place(error)}"
    calibration = learned.calibration or (_calibration(held, answers) if control.SHOWS else None)
    slope, intercept = calibration or (None, None)
    known = Accuracy(
        audit_labels=audited,
        at_labels=len(answers),
        at_tasks=n_tasks,
        measure=control.MEASURE.name,
        slope=slope,
        intercept=intercept,
    )
    return replace(known, **_measured(control, held, answers, how, missing))


def _measured(
    control: Control, held: HeldOut, answers: Sequence[Answer], how: How, missing: str | None
) -> dict[str, Any]:
    """Return what the audit labels say, as fields of an `Accuracy`."""
    drawn = [(answers[row], guess.answer) for row, guess in held if how.uniform[row]]
    if missing is None and not drawn:
        missing = "too few labels to hold any out"
    if missing is not None:
        return {"unknown_because": missing}
    found = control.MEASURE.of(*zip(*drawn, strict=True))
    if control.MEASURE.is_share:
        values = {"value": found.value, "low": found.low, "high": found.high}
    else:
        values = {"error": found.value, "error_low": found.low, "error_high": found.high}
    return {"unknown_because": None} | values


def _held_out(control: Control, tasks: Tasks, answers: Sequence[Answer], how: How) -> HeldOut:
    """Return the rows of answers with what models say that have not seen them; none of too few answers."""
    # Drawn: tasks stand in the order of their ids, which is often one of what they hold, too.
    rows = np.random.default_rng(how.seed).permutation(len(answers))[:MOST]
    found: HeldOut = []
    for fold in range(FOLDS if len(rows) >= FEWEST else 0):
        out, rest = rows[fold::FOLDS], np.setdiff1d(rows, rows[fold::FOLDS])
        some = [answers[int(i)] for i in rest]
        model = control.learn(tasks.rows(rest), some, replace(how, uniform=how.uniform[rest]))
        # Of a part of the answers there may be no model, as where all are the same.
        if isinstance(model, Learned):
            found += zip(out.tolist(), model.guess(tasks.rows(out)), strict=True)
    return found


def _calibration(held: HeldOut, answers: Sequence[Answer]) -> tuple[float, float] | None:
    """Return slope and intercept of the log odds of being right; None while too few can be held out."""
    if len(held) < FEWEST:
        return None
    right = np.array([guess.answer == answers[row] for row, guess in held], dtype=float)
    z = log_odds(np.array([guess.confidence for _, guess in held]))
    slope, intercept = fit_calibration(z, right, np.ones((1, len(z))))
    return float(slope[0]), float(intercept[0])
