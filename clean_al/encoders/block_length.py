"""How long an encoder's block should be beside other features, as the labels so far tell.

A block that knows the classes should be long, one that does not should stand back: rows of a network for
photographs say little of handwritten digits, and drown the pixels that do. Each length is judged by how well
labels are told from the others' labels, each left out in turn, by ridge regression on the classes' 0 and 1:
from one decomposition of the kernel matrix, so no model is fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

# Of the length that a block has before anything is known; never 0, for the encoder stands beside, and never
# so long that today's features are gone.
SHARES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
FEWEST_LABELS, MOST_LABELS = 10, 512
PENALTIES = (0.003, 0.03, 0.3, 3.0)
# Each doubling or halving must win so much of the error: ridge regression likes blocks a little shorter than
# logistic regression does. And so much for each class, divided by the number of labels: few are noise.
PROOF, PROOF_PER_CLASS = 0.03, 0.025


def share_by_labels(today: Any, block: np.ndarray, targets: np.ndarray, expected: float = 1.0) -> float:
    """The share of its length at which a block beside today's features best tells labels that were left out.

    Parameters
    ----------
    today : array or CSR matrix of shape (n_labeled, n_features)
    block : array of shape (n_labeled, dimension)
        From `EncodedBlock.transform`.
    targets : array of shape (n_labeled, n_targets)
        A column of 0 and 1 for each class or tag; a number as it is.
    expected : float, default 1.0
        What holds until labels say otherwise.

    Returns
    -------
    One of SHARES, or `expected`: for fewer than FEWEST_LABELS labels, or labels that are all alike.
    """
    return best_share([errors_by_share(today, block, targets)], expected)


def errors_by_share(today: Any, block: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """The error on labels that are left out at each of SHARES, and behind these the labels for each class.

    None where they say nothing. Of more than MOST_LABELS as many are drawn. See `share_by_labels`.
    """
    rows = np.arange(len(targets))
    if len(rows) > MOST_LABELS:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), MOST_LABELS, replace=False))
    wanted = np.asarray(targets)[rows].astype(np.float64)
    weight = len(rows) / max(wanted.shape[1], 1)
    # A label that was given once cannot be told from the others: it only asks for caution.
    wanted = wanted[:, (wanted != np.median(wanted, axis=0)).sum(axis=0) > 1]
    wanted -= wanted.mean(axis=0)
    if len(rows) < FEWEST_LABELS or not (wanted**2).sum() > 0:
        return None
    own, beside = _centered_kernel(today[rows]), _centered_kernel(block[rows])
    if not beside.any():
        return None
    return np.array([*(left_out_error(own + share**2 * beside, wanted) for share in SHARES), weight])


def best_share(errors: Sequence[np.ndarray | None], expected: float = 1.0) -> float:
    """The share with the least mean error over several questions; `expected` where none says anything."""
    told = [found for found in errors if found is not None]
    if not told:
        return expected
    doubled = np.abs(np.log2(np.divide(SHARES, expected)))
    total = sum(found[:-1] + (PROOF + PROOF_PER_CLASS / found[-1]) * doubled for found in told)
    return SHARES[int(np.argmin(total))]


def left_out_error(kernel: np.ndarray, targets: np.ndarray) -> float:
    """The least squared error, of any of PENALTIES, on targets that are left out in turn: 1 is the mean's.

    Golub, Heath & Wahba, Generalized cross-validation, Technometrics 1979.

    Parameters
    ----------
    kernel, targets : arrays of shape (n, n) and (n, n_targets), both centered
    """
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0)
    turned, found = vectors.T @ targets, []
    for penalty in np.array(PENALTIES) * (values.mean() or 1.0):
        kept = penalty / (values + penalty)
        # Less 1 / n: of the constant direction, which no penalty shrinks, the intercept takes all.
        free = np.maximum(vectors**2 @ kept - 1 / len(targets), 1e-9)
        found.append(float((((vectors @ (kept[:, None] * turned)) / free[:, None]) ** 2).sum()))
    return min(found) / float((targets**2).sum())


def _centered_kernel(rows: Any) -> np.ndarray:
    product = rows @ rows.T
    kernel = np.asarray(product.toarray() if sparse.issparse(product) else product, dtype=np.float64)
    means = kernel.mean(axis=0)
    return kernel - means - means[:, None] + means.mean()
