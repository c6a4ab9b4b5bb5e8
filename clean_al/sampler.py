"""The estimator that chooses what a human should label next."""

from __future__ import annotations

from typing import Any

from clean_al.base import BaseSampler
from clean_al.columns import Columns
from clean_al.pool import Options, Strategy
from clean_al.strategies import DIVERSITY_METHODS, STRATEGIES
from clean_al.strategies.find import wanted_label
from clean_al.uncertainty import UNCERTAINTY_METHODS
from clean_al.validation import check_option, resolve_weights

# The default gives way to a goal; a strategy that was asked for does not.
FINDING = ("auto", "find")


class IntelligentSampler(BaseSampler):
    """Chooses the unlabeled items whose labels teach the model most.

    Parameters
    ----------
    strategy : str, default "auto"
        A name of `clean_al.STRATEGIES`. "auto" takes typical items until two classes are known, then
        those that cover best what the model is unsure of. Strategies that need a model take typical items
        until they have one.
    uncertainty_method : {"margin", "entropy", "least_confident"}, default "margin"
    diversity_method : {"kmeans", "coreset", "determinantal", "facility_location"}, default "kmeans"
    uncertainty_weight, diversity_weight : float in [0, 1] or None
        Shares of attention in "auto", "uncertainty_herding" and "hybrid". With exploration_weight they add up
        to 1; None is what is left, in equal parts if both are None.
    exploration_weight : float in [0, 1], default 0.0
        Share of every batch that is drawn uniformly at random, whatever the strategy. `uniform_` tells which.
    goal : None or "find:<label>"
        Find as many items of this label as can be, instead of learning the boundary: the strategy "find"
        takes the most probable ones first. Of several labels per item it is the column's number. A label that
        the model does not know yet is waited for by "auto".
    estimator : None, str or scikit-learn classifier
        None is logistic regression. It is cloned; one without predict_proba may have decision_function.
    random_state : None, int, numpy Generator or RandomState
        With an int the same calls give the same rows.
    duplicate_threshold : float, default 0.05
        Items closer than this share of the pool's median distance are near-copies: a batch holds one of
        them, and none of a labeled item, while others are left. 0 switches the guard off.
    n_jobs : int or None
        Passed to joblib.

    Attributes
    ----------
    model_ : fitted classifier, or None before two classes are known and the estimator can be fitted
    why_no_model_ : str or None, why the estimator must wait for more labels
    classes_ : array of the labels seen, sorted
    n_features_in_ : int
    uniform_ : bool array, aligned with the rows of the last `select`: drawn uniformly at random

    Examples
    --------
    >>> import numpy as np
    >>> from clean_al import IntelligentSampler
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> sampler = IntelligentSampler("uncertainty", random_state=0).fit(X[[0, 4]], ["low", "high"])
    >>> sampler.select(X[1:4], 1).tolist()  # the middle one lies between the classes
    [1]
    """

    def __init__(
        self,
        strategy: str = "auto",
        *,
        uncertainty_method: str = "margin",
        diversity_method: str = "kmeans",
        uncertainty_weight: float | None = None,
        diversity_weight: float | None = None,
        exploration_weight: float = 0.0,
        goal: str | None = None,
        estimator: Any = None,
        random_state: Any = None,
        duplicate_threshold: float = 0.05,
        n_jobs: int | None = None,
    ):
        self.strategy = strategy
        self.uncertainty_method = uncertainty_method
        self.diversity_method = diversity_method
        self.uncertainty_weight = uncertainty_weight
        self.diversity_weight = diversity_weight
        self.exploration_weight = exploration_weight
        self.goal = goal
        self.estimator = estimator
        self.random_state = random_state
        self.duplicate_threshold = duplicate_threshold
        self.n_jobs = n_jobs

    def _options(self) -> Options:
        check_option(self.strategy, "strategy", STRATEGIES)
        check_option(self.uncertainty_method, "uncertainty_method", UNCERTAINTY_METHODS)
        check_option(self.diversity_method, "diversity_method", DIVERSITY_METHODS)
        weights = resolve_weights(self.uncertainty_weight, self.diversity_weight, self.exploration_weight)
        wanted = wanted_label(self.goal)
        if wanted is not None and self.strategy not in FINDING:
            raise ValueError(f"goal={self.goal!r} goes with strategy='find', not {self.strategy!r}")
        return Options(
            weights, self.uncertainty_method, self.diversity_method, n_jobs=self.n_jobs, wanted=wanted
        )

    def _strategy(self) -> Strategy:
        return STRATEGIES[self.strategy if self.goal is None else "find"]

    def _estimators(self) -> list[Any]:
        return [self.estimator]

    def _new_model(self, seed: int | None, columns: Columns | None = None) -> Any:
        check_option(self.strategy, "strategy", STRATEGIES)
        model = self._learner(self.estimator, seed, columns)
        committee = self._strategy().learner
        return committee(model, seed, self.n_jobs) if committee else model
