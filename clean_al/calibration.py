"""How often a model is right when it says that it is this sure."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

STEPS = 25
HALVINGS = 12
# Weighs as much as about four answers at even odds do (each bends the loss by p * (1 - p)).
PRIOR = 1.0


def log_odds(confidence: np.ndarray) -> np.ndarray:
    """The logit of confidences, kept finite."""
    # Trees say 0 and 1 outright: one wrong answer at infinite odds would outweigh all others.
    return logit(np.clip(confidence, 1e-4, 1 - 1e-4))


def fit_calibration(z: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of P(correct) = sigmoid(slope * z + intercept), for each row of weights.

    Platt, Probabilities for SV Machines, 1999, with a weak pull towards slope 1 and intercept 0 (what a
    calibrated model has), so that few or all-correct answers give no runaway fit. Newton's method, damped.

    Parameters
    ----------
    z, correct : arrays of shape (n,), log odds of the confidence and 0 or 1
    weights : array of shape (B, n), one fit per row (ones, or bootstrap counts)

    Returns
    -------
    slope, intercept : arrays of shape (B,)
    """
    a, b = np.ones(len(weights)), np.zeros(len(weights))
    loss = _loss(z, correct, weights, a, b)
    for _ in range(STEPS):
        p = expit(a[:, None] * z + b[:, None])
        error = weights * (p - correct)
        curve = weights * p * (1 - p)
        ga, gb = error @ z + PRIOR * (a - 1), error.sum(axis=1) + PRIOR * b
        haa, hab, hbb = curve @ (z * z) + PRIOR, curve @ z, curve.sum(axis=1) + PRIOR
        det = haa * hbb - hab * hab
        da, db = (hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det
        # A full step can overshoot without end where the curve is flat: it is halved until the loss falls.
        length = np.ones(len(weights))
        for _ in range(HALVINGS):
            new = _loss(z, correct, weights, a - length * da, b - length * db)
            worse = new > loss
            if not worse.any():
                break
            length[worse] /= 2
        # A row whose loss no step lowers is at its minimum within rounding, and stays.
        length[worse] = 0
        a, b, loss = a - length * da, b - length * db, np.where(worse, loss, new)
        if max(np.abs(length * da).max(), np.abs(length * db).max()) < 1e-6:
            break
    return a, b


def _loss(
    z: np.ndarray, correct: np.ndarray, weights: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """What the fit makes small: weighted log loss and the pull, for each row of weights."""
    margin = a[:, None] * z + b[:, None]
    fit = (weights * (np.logaddexp(0, margin) - correct * margin)).sum(axis=1)
    return fit + PRIOR / 2 * ((a - 1) ** 2 + b**2)


def mean_calibrated(z: np.ndarray, slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Mean P(correct) over the rows of z, for each of B calibrations; on a histogram of z when it is long."""
    # 200 bootstraps by a pool of 100,000 would be 160 MB; 400 bins (at most 0.05 wide in
    # log odds) move the mean by less than 1e-4.
    if len(z) > 2000:
        counts, edges = np.histogram(z, bins=400)
        centers = (edges[1:] + edges[:-1]) / 2
        return expit(np.outer(slope, centers) + intercept[:, None]) @ (counts / counts.sum())
    return expit(np.outer(slope, z) + intercept[:, None]).mean(axis=1)
