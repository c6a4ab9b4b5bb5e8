"""A sampler that asks a committee and shows how much its members disagree."""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.base import BaseSampler
from clean_al.columns import Columns
from clean_al.committee import DISAGREEMENT_METHODS, Committee
from clean_al.pool import Options, Strategy
from clean_al.strategies.committee import COMMITTEE, disagreement
from clean_al.validation import check_count, check_option, resolve_weights


class QueryByCommittee(BaseSampler):
    """Chooses the items about which models trained on different samples of the labels disagree most.

    Seung, Opper & Sompolinsky, Query by Committee, COLT 1992.

    Parameters
    ----------
    n_estimators : int, default 5
        Number of members, at least 2.
    base_estimator : str, classifier, or list of them, default "random_forest"
        A list makes a mixed committee.
    disagreement_method : {"jensen_shannon", "consensus_kl", "vote_entropy", "consensus_entropy"}
    random_state, duplicate_threshold, n_jobs
        As in `IntelligentSampler`; n_jobs fits and asks the members in parallel.

    Attributes
    ----------
    model_ : fitted `Committee`, or None before two classes are known

    Examples
    --------
    >>> from clean_al import QueryByCommittee
    >>> committee = QueryByCommittee(3, "logistic_regression", random_state=0)
    >>> committee.fit([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1]).select([[0.5], [4.6], [8.5]], 1).tolist()
    [1]
    """

    def __init__(
        self,
        n_estimators: int = 5,
        base_estimator: Any = "random_forest",
        *,
        disagreement_method: str = "jensen_shannon",
        random_state: Any = None,
        duplicate_threshold: float = 0.05,
        n_jobs: int | None = None,
    ):
        self.n_estimators = n_estimators
        self.base_estimator = base_estimator
        self.disagreement_method = disagreement_method
        self.random_state = random_state
        self.duplicate_threshold = duplicate_threshold
        self.n_jobs = n_jobs

    def get_disagreement_scores(self, X: Any, method: str | None = None) -> np.ndarray:
        """How much the members disagree about each row of X: floats of shape (n,), zero when they agree.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, n_features)
        method : str, default the sampler's disagreement_method

        Raises
        ------
        ValueError
            Before two classes are known, or if the method is unknown.
        """
        model = getattr(self, "model_", None)
        if model is None:
            raise ValueError(
                "the committee is not fitted: call fit with labels of at least two classes first"
            )
        method = self.disagreement_method if method is None else method
        check_option(method, "method", DISAGREEMENT_METHODS)
        return disagreement(model, self._asked(X), method)

    def _options(self) -> Options:
        check_option(self.disagreement_method, "disagreement_method", DISAGREEMENT_METHODS)
        return Options(
            resolve_weights(None, None, 0.0), disagreement_method=self.disagreement_method, n_jobs=self.n_jobs
        )

    def _strategy(self) -> Strategy:
        return COMMITTEE

    def _estimators(self) -> list[Any]:
        given = self.base_estimator
        return list(given) if isinstance(given, (list, tuple)) else [given]

    def _new_model(self, seed: int | None, columns: Columns | None = None) -> Any:
        n = check_count(self.n_estimators, "n_estimators", low=2)
        if not self._estimators():
            raise ValueError("base_estimator is an empty list: give at least one classifier")
        # Without a seed: each member gets its own from the committee, or five forests would be one forest.
        kinds = [self._learner(kind, None, columns, "base_estimator") for kind in self._estimators()]
        return Committee(kinds, n, seed, self.n_jobs)
