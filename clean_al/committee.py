"""A committee of models, and how much its members disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy.special import xlogy
from sklearn.base import BaseEstimator, ClassifierMixin

from clean_al.fitting import TooFewLabels, fitted
from clean_al.learners import class_probabilities, make_learner
from clean_al.points import blocks

# Below it splitting the rows costs more in calls than a second worker saves.
WORTH_SHARING = 8192


def vote_entropy(members: np.ndarray) -> np.ndarray:
    """Entropy in nats of the members' votes, shape (n,) from (n_members, n, n_classes).

    Dagan & Engelson, Committee-Based Sampling for Training Probabilistic Classifiers, ICML 1995.
    """
    votes = members.argmax(axis=2)
    result = np.zeros(members.shape[1])
    # A class at a time: one-hot votes would be a second array of the size of members.
    for c in range(members.shape[2]):
        share = (votes == c).mean(axis=0)
        result -= xlogy(share, share)
    return result


def consensus_kl(members: np.ndarray) -> np.ndarray:
    """Mean Kullback-Leibler divergence in nats from the members to their mean.

    McCallum & Nigam, Employing EM and Pool-Based Active Learning for Text Classification, ICML 1998.
    """
    # log(0) times p = 0 is nan; where the mean is 0 all members are, and the term must be 0.
    consensus = np.maximum(members.mean(axis=0), np.finfo(members.dtype).tiny)
    return np.mean([(xlogy(p, p) - p * np.log(consensus)).sum(axis=1) for p in members], axis=0)


def jensen_shannon(members: np.ndarray) -> np.ndarray:
    """Entropy of the members' mean minus the mean of their entropies, in nats: equal to `consensus_kl`.

    Lin, Divergence Measures Based on the Shannon Entropy, 1991. At most log(n_members).
    """
    consensus = members.mean(axis=0)
    own = np.mean([-xlogy(p, p).sum(axis=1) for p in members], axis=0)
    return np.maximum(-xlogy(consensus, consensus).sum(axis=1) - own, 0)


def consensus_entropy(members: np.ndarray) -> np.ndarray:
    """Entropy in nats of the members' mean: how unsure the committee is as a whole."""
    consensus = members.mean(axis=0)
    return -xlogy(consensus, consensus).sum(axis=1)


DISAGREEMENT_METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "vote_entropy": vote_entropy,
    "consensus_kl": consensus_kl,
    "jensen_shannon": jensen_shannon,
    "consensus_entropy": consensus_entropy,
}


class Committee(ClassifierMixin, BaseEstimator):
    """Predicts by the mean of members that were fitted on bootstrap samples of the labels.

    Parameters
    ----------
    estimator : classifier, or a list of them for a mixed committee (one member each, then in turn)
    n_members : int
    random_state : int or None
    n_jobs : int or None, passed to joblib for fitting and predicting

    Attributes
    ----------
    members_ : list of fitted classifiers
    classes_ : array of the labels seen
    """

    def __init__(
        self, estimator: Any, n_members: int = 5, random_state: Any = None, n_jobs: int | None = None
    ):
        self.estimator = estimator
        self.n_members = n_members
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: np.ndarray) -> Self:
        """Fit every member on its own bootstrap sample, in parallel."""
        rng = np.random.default_rng(self.random_state)
        kinds = self.estimator if isinstance(self.estimator, (list, tuple)) else [self.estimator]
        self.classes_ = np.unique(y)
        jobs = (
            # The seeds are drawn here, in order: threads that end in another order must not change the
            # committee.
            delayed(_fit_member)(kinds[i % len(kinds)], int(seed), X, y)
            for i, seed in enumerate(rng.integers(2**31 - 1, size=self.n_members))
        )
        # Threads need no copy of X. It is a hint: under another joblib backend (dask, ray) its workers fit.
        self.members_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs)
        return self

    def member_probabilities(self, X: Any) -> np.ndarray:
        """Every member's class probabilities, shape (n_members, n, n_classes)."""
        # Each job is a share of the rows for one member: five members would leave one of two workers idle.
        shares = effective_n_jobs(self.n_jobs) if X.shape[0] >= WORTH_SHARING else 1
        parts = list(blocks(X.shape[0], -(-X.shape[0] // shares))) if shares > 1 else [slice(None)]
        jobs = (
            delayed(_aligned)(member, X[part], self.classes_) for member in self.members_ for part in parts
        )
        done = Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs)
        if len(parts) == 1:
            return np.stack(done)
        step = len(parts)
        return np.stack([np.concatenate(done[i : i + step]) for i in range(0, len(done), step)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """The members' mean, shape (n, n_classes)."""
        return self.member_probabilities(X).mean(axis=0)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _fit_member(estimator: Any, seed: int, X: Any, y: np.ndarray) -> Any:
    """A member on its own sample; on all labels where its sample holds too few of them."""
    rows = next(_bootstraps(y, np.random.default_rng(seed)))
    try:
        return fitted(make_learner(estimator, seed), X[rows], y[rows])
    except TooFewLabels:
        return fitted(make_learner(estimator, seed), X, y)


def _bootstraps(y: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Bootstrap samples of at least two classes; after many failures, everything."""
    for _ in range(100):
        rows = rng.integers(len(y), size=len(y))
        if len(np.unique(y[rows])) > 1:
            yield rows
    yield np.arange(len(y))


def _aligned(member: Any, X: Any, classes: np.ndarray) -> np.ndarray:
    """A member's probabilities in the committee's columns; a class that it never saw has zero."""
    p = class_probabilities(member, X)
    if len(member.classes_) == len(classes):
        return p
    wide = np.zeros((p.shape[0], len(classes)))
    wide[:, np.searchsorted(classes, member.classes_)] = p
    return wide
