"""The estimator that chooses what a human should label next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from clean_al.batches import BATCH_MODES, DEFAULT_DIVERSITY_THRESHOLD, BatchPlan, compose
from clean_al.duplicates import NearCopies
from clean_al.learners import make_learner
from clean_al.metrics import SamplingMetrics, batch_diversity, batch_efficiency
from clean_al.points import Points
from clean_al.pool import Options, Pool, Strategy
from clean_al.strategies import DIVERSITY_METHODS, STRATEGIES
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.uncertainty import UNCERTAINTY_METHODS
from clean_al.validation import (
    check_count,
    check_embedding,
    check_features,
    check_labels,
    check_number,
    check_option,
    resolve_weights,
)


@dataclass(frozen=True)
class Labeled:
    """Everything that has a label: features, labels, and the places in the space of distances."""

    X: Any
    y: np.ndarray
    embedding: np.ndarray | None

    def extended(self, other: Labeled) -> Labeled:
        """These labels and the other ones."""
        if (self.embedding is None) != (other.embedding is None):
            raise ValueError("embedding was given to only some of fit, update and select: give it to all")
        stack = sparse.vstack if sparse.issparse(self.X) else np.vstack
        both = None
        if self.embedding is not None and other.embedding is not None:
            both = np.vstack([self.embedding, other.embedding])
        X = (
            sparse.csr_matrix(stack([self.X, other.X]))
            if sparse.issparse(self.X)
            else stack([self.X, other.X])
        )
        return Labeled(X, np.concatenate([self.y, other.y]), both)

    @property
    def points(self) -> Points:
        """The items as points of the space of distances."""
        return Points(self.X if self.embedding is None else self.embedding)


@dataclass(frozen=True)
class Selection:
    """The last batch: where it came from, its rows, and which of them were drawn uniformly."""

    pool: Pool
    rows: np.ndarray
    uniform: np.ndarray


class IntelligentSampler(BaseEstimator):
    """Chooses the unlabeled items whose labels teach the model most.

    Parameters
    ----------
    strategy : str, default "auto"
        A name of `clean_al.STRATEGIES`. "auto" takes typical items until two classes are known, then the
        hybrid of margin and diversity. Strategies that need a model do the same until they have one.
    uncertainty_method : {"margin", "entropy", "least_confident"}, default "margin"
    diversity_method : {"kmeans", "coreset"}, default "kmeans"
    uncertainty_weight, diversity_weight : float in [0, 1] or None
        Shares of attention in "hybrid" and "auto". With exploration_weight they add up to 1; None is what
        is left, in equal parts if both are None.
    exploration_weight : float in [0, 1], default 0.0
        Share of every batch that is drawn uniformly at random, whatever the strategy. `uniform_` tells which.
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
    model_ : fitted classifier, or None before two classes are known
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
        self.estimator = estimator
        self.random_state = random_state
        self.duplicate_threshold = duplicate_threshold
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, *, embedding: Any = None) -> IntelligentSampler:
        """Learn from labeled items, forgetting earlier ones; returns the sampler itself.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_labeled, n_features), float32 or float64
        y : array of shape (n_labeled,), any labels; one class only is allowed
        embedding : array of shape (n_labeled, d), optional
            Measures distances in place of X; then select and update take one too.

        Raises
        ------
        ValueError
            Wrong shapes, NaN or infinity, unknown options, weights that do not add up.
        TypeError
            Parameters of the wrong type, an estimator that cannot rank.
        """
        self._options()
        return self._learn(self._labeled(X, y, embedding))

    def update(self, X: Any, y: Any, *, embedding: Any = None) -> IntelligentSampler:
        """Add newly labeled items, in old classes or new ones, and learn again; returns the sampler itself.

        Without an earlier `fit` it is the same as `fit`. Parameters and errors are those of `fit`.
        """
        labeled: Labeled | None = getattr(self, "labeled_", None)
        if labeled is None:
            return self.fit(X, y, embedding=embedding)
        new = self._labeled(X, y, embedding, n_features=self.n_features_in_)
        if _kind(labeled.y) != _kind(new.y):
            raise ValueError(f"y has {new.y.dtype} labels, earlier ones were {labeled.y.dtype}: use one type")
        return self._learn(labeled.extended(new))

    def select(
        self,
        X: Any,
        n_samples: int,
        *,
        batch_mode: str | None = None,
        batch_diversity_threshold: float | None = None,
        n_clusters: int | None = None,
        embedding: Any = None,
    ) -> np.ndarray:
        """Choose the rows of X to label next: n_samples distinct row numbers, the best first.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, n_features)
            The unlabeled pool. Not changed.
        n_samples : int in [1, n]
        batch_mode : {None, "sequential", "diverse", "clustered"}
            None is the strategy's own way to compose a batch; sequential takes the highest scores; diverse
            keeps a distance between them; clustered takes the highest scores of each cluster in turn.
        batch_diversity_threshold : float, default 0.5
            Least distance in a diverse batch, as a share of the median distance between two items of the
            pool. It is halved when too few of the best items can keep it.
        n_clusters : int, default n_samples
            Number of clusters of a clustered batch.
        embedding : array of shape (n, d), optional

        Returns
        -------
        array of int, shape (n_samples,)
            Near-copies of one another, or of labeled items, come only when nothing else is left.

        Raises
        ------
        ValueError
            Wrong shapes, NaN or infinity, unknown options, n_samples out of range.
        """
        options = self._options()
        X = check_features(X, "X", n_features=getattr(self, "n_features_in_", None))
        pool = self._pool(X, check_embedding(embedding, X.shape[0]), options)
        n = check_count(n_samples, "n_samples", high=len(pool), of=" (the rows of X)")
        plan = self._plan(batch_mode, batch_diversity_threshold, n_clusters, n, len(pool))
        rows, uniform = self._choose(pool, n, plan)
        self.selection_ = Selection(pool, rows, uniform)
        self.uniform_ = uniform
        return rows

    def get_metrics(self) -> SamplingMetrics:
        """Figures about the last batch; formulas are in `SamplingMetrics`."""
        labeled: Labeled | None = getattr(self, "labeled_", None)
        n_labeled = 0 if labeled is None else len(labeled.y)
        last: Selection | None = getattr(self, "selection_", None)
        if last is None:
            return SamplingMetrics(float("nan"), float("nan"), None, n_labeled, 0)
        return SamplingMetrics(
            batch_efficiency(last.pool, last.rows),
            batch_diversity(last.pool, last.rows),
            None,
            n_labeled,
            len(last.rows),
        )

    def _options(self) -> Options:
        check_option(self.strategy, "strategy", STRATEGIES)
        check_option(self.uncertainty_method, "uncertainty_method", UNCERTAINTY_METHODS)
        check_option(self.diversity_method, "diversity_method", DIVERSITY_METHODS)
        check_number(self.duplicate_threshold, "duplicate_threshold", high=1.0)
        make_learner(self.estimator)
        weights = resolve_weights(self.uncertainty_weight, self.diversity_weight, self.exploration_weight)
        return Options(weights, self.uncertainty_method, self.diversity_method, self.n_jobs)

    def _labeled(self, X: Any, y: Any, embedding: Any, n_features: int | None = None) -> Labeled:
        X = check_features(X, "X", n_features=n_features)
        if X.shape[0] == 0:
            raise ValueError("X is empty: give at least one labeled item, or call select without a fit")
        y = check_labels(y, X.shape[0])
        embedding = check_embedding(embedding, X.shape[0])
        return Labeled(X.copy(), y.copy(), None if embedding is None else embedding.copy())

    def _learn(self, labeled: Labeled) -> IntelligentSampler:
        self.labeled_ = labeled
        self.n_features_in_ = int(labeled.X.shape[1])
        self.classes_ = np.unique(labeled.y)
        self.model_ = None
        if len(self.classes_) > 1:
            self.model_ = make_learner(self.estimator, self._seed()).fit(labeled.X, labeled.y)
        return self

    def _seed(self) -> int | None:
        if self.random_state is None:
            return None
        return int(self._rng().integers(2**31 - 1))

    def _rng(self) -> np.random.Generator:
        """With an int seed every call starts anew, from the seed and the number of labels."""
        state = self.random_state
        if isinstance(state, np.random.Generator):
            return state
        if isinstance(state, np.random.RandomState):
            return np.random.default_rng(state.randint(2**31 - 1))
        if state is None:
            return np.random.default_rng()
        labeled: Labeled | None = getattr(self, "labeled_", None)
        seed = check_count(state, "random_state", low=0)
        return np.random.default_rng([seed, 0 if labeled is None else len(labeled.y)])

    def _pool(self, X: Any, embedding: np.ndarray | None, options: Options) -> Pool:
        if X.shape[0] == 0:
            raise ValueError("X is empty: there is nothing left to select from")
        labeled: Labeled | None = getattr(self, "labeled_", None)
        if labeled is not None and (labeled.embedding is None) != (embedding is None):
            raise ValueError("embedding was given to only one of fit and select: give it to both")
        points = Points(X if embedding is None else embedding)
        seen = None if labeled is None else labeled.points
        if seen is not None and seen.X.shape[1] != points.X.shape[1]:
            raise ValueError(
                f"embedding has {points.X.shape[1]} columns, in fit it had {seen.X.shape[1]}: "
                "use one transformer for both"
            )
        return Pool(
            X=X,
            points=points,
            seen=seen,
            model=getattr(self, "model_", None),
            rng=self._rng(),
            options=options,
            seen_X=None if labeled is None else labeled.X,
            seen_y=None if labeled is None else labeled.y,
        )

    def _plan(self, mode: Any, threshold: Any, n_clusters: Any, n: int, n_pool: int) -> BatchPlan:
        if mode is not None:
            check_option(mode, "batch_mode", BATCH_MODES)
        if threshold is None:
            threshold = DEFAULT_DIVERSITY_THRESHOLD
        clusters = n if n_clusters is None else check_count(n_clusters, "n_clusters", high=n_pool)
        return BatchPlan(mode, check_number(threshold, "batch_diversity_threshold"), clusters)

    def _choose(self, pool: Pool, n: int, plan: BatchPlan) -> tuple[np.ndarray, np.ndarray]:
        guard = NearCopies(pool, self.duplicate_threshold)
        n_uniform = int(pool.options.weights.exploration * n + 0.5)
        nothing = np.empty(0, np.intp)
        drawn = guard.distinct(pool.rng.permutation(len(pool)), n_uniform, nothing) if n_uniform else nothing
        chosen = compose(pool, self._strategy(pool), n - len(drawn), plan, guard, drawn)
        return _interleaved(chosen, drawn)

    def _strategy(self, pool: Pool) -> Strategy:
        strategy = STRATEGIES[self.strategy]
        return TYPICLUST if strategy.needs_model and pool.model is None else strategy


def _kind(labels: np.ndarray) -> str:
    return "number" if labels.dtype.kind in "biuf" else "other"


def _interleaved(chosen: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chosen rows with the drawn ones spread evenly among them, and a mask of the drawn ones."""
    place = np.concatenate([np.arange(len(chosen)) + 0.5, np.linspace(0, len(chosen), len(drawn) + 2)[1:-1]])
    uniform = np.arange(len(place)) >= len(chosen)
    order = np.argsort(place, kind="stable")
    return np.concatenate([chosen, drawn])[order].astype(np.intp), uniform[order]
