"""From which probability on a label is given, where an item can have several."""

from __future__ import annotations

import numpy as np

HALF = 0.5
# Above one half a label would be left out though it is likelier than not.
THRESHOLDS = np.linspace(0.05, HALF, 19)
# What is found on so many items and one half count alike.
FEW = 20


def decided(probabilities: np.ndarray, threshold: float = HALF, at_least_one: bool = False) -> np.ndarray:
    """Return which labels each item is given, as a bool array of shape (n, n_labels).

    Parameters
    ----------
    threshold : the probability from which on a label is given
    at_least_one : whether an item without any is given its likeliest
    """
    chosen = probabilities >= threshold
    if at_least_one and chosen.shape[1]:
        none = np.flatnonzero(~chosen.any(axis=1))
        chosen[none, probabilities[none].argmax(axis=1)] = True
    return chosen


def sureness(probabilities: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return how likely every yes and no of each item is right, as if labels were independent; shape (n,)."""
    return np.where(chosen, probabilities, 1 - probabilities).prod(axis=1)


def threshold_for(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the threshold that is best for single labels and for whole sets together.

    That is where micro-F1 and the share of items with all labels right have the largest sum: the first alone
    would give labels that are rarely right, the second alone would leave out those that are often so.

    Parameters
    ----------
    probabilities : array of shape (n, n_labels), by models that have not seen the items
    y : array of shape (n, n_labels), 0 and 1
    """
    given, at_least_one = y.astype(bool), bool(y.any(axis=1).all())
    found = [_worth(decided(probabilities, t, at_least_one), given) for t in THRESHOLDS]
    # Neighbors with it, else a single item decides. Of equals the one nearest to one half.
    smooth = np.convolve(np.pad(found, 2, mode="edge"), np.full(5, 1 / 5), "valid")
    best = THRESHOLDS[len(smooth) - 1 - int(np.round(smooth[::-1], 12).argmax())]
    return float((len(y) * best + FEW * HALF) / (len(y) + FEW))


def _worth(chosen: np.ndarray, given: np.ndarray) -> float:
    f1 = 2 * (chosen & given).sum() / max(chosen.sum() + given.sum(), 1)
    return float(f1 + (chosen == given).all(axis=1).mean())
