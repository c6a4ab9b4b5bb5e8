"""How often a model is right when it says how sure it is, for models that no sampler has fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backend.learning.accuracy import Accuracy, still_stands
from backend.learning.answers import Answer
from backend.learning.controls import Control
from backend.learning.learned import How, Learned
from backend.learning.tasks import Tasks
from clean_al.calibration import fit_calibration, log_odds

FOLDS = 4
# Fewer held-out answers say little; more, drawn at random, cost time and say hardly more.
FEWEST, MOST = 20, 2000


def accuracy_held_out(
    control: Control,
    learned: Learned,
    tasks: Tasks,
    answers: Sequence[Answer],
    how: How,
    last: Accuracy,
    n_tasks: int,
    *,
    anew: bool = False,
) -> Accuracy:
    """Return what is known of a model without a sampler: its calibration, and no accuracy over all tasks.

    Parameters
    ----------
    tasks, answers, how : what it was learned from
    last : what was known before; it stands until labels or tasks are a tenth more or fewer
    n_tasks : tasks of the project that can be read
    """
    audited = int(how.uniform.sum())
    why = "it is not estimated for this kind of question"
    if not anew and still_stands(last, len(answers), n_tasks, known=False):
        return replace(last, audit_labels=audited, unknown_because=why)
    found = learned.calibration
    if found is None and control.SHOWS:
        try:
            found = _calibration(control, tasks, answers, how)
        except Exception as error:  # noqa: BLE001  the order is served: what a part of the answers does fails no round
            why = f"learning failed on a part of the labels, {type(error).__name__}: {error}"
    slope, intercept = found or (None, None)
    return Accuracy(
        audit_labels=audited,
        at_labels=len(answers),
        at_tasks=n_tasks,
        unknown_because=why,
        slope=slope,
        intercept=intercept,
    )


def _calibration(
    control: Control, tasks: Tasks, answers: Sequence[Answer], how: How
) -> tuple[float, float] | None:
    """Return slope and intercept of the log odds of being right; None while too few can be held out."""
    rows = np.random.default_rng(how.seed).permutation(len(answers))[:MOST]
    sure: list[float] = []
    right: list[bool] = []
    for fold in range(FOLDS if len(rows) >= FEWEST else 0):
        out, rest = rows[fold::FOLDS], np.setdiff1d(rows, rows[fold::FOLDS])
        some = [answers[int(i)] for i in rest]
        model = control.learn(tasks.rows(rest), some, replace(how, uniform=how.uniform[rest]))
        if isinstance(model, Learned):
            guesses = model.guess(tasks.rows(out))
            sure += [guess.confidence for guess in guesses]
            right += [guess.answer == answers[int(i)] for guess, i in zip(guesses, out, strict=True)]
    if len(sure) < FEWEST:
        return None
    z = log_odds(np.array(sure))
    slope, intercept = fit_calibration(z, np.array(right, dtype=float), np.ones((1, len(z))))
    return float(slope[0]), float(intercept[0])
