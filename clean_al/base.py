"""What all samplers share: fit, update, select; each one says which strategy and which learner it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from clean_al.accuracy import AccuracyEstimate, estimate_accuracy, unknown_accuracy
from clean_al.batches import BATCH_MODES, DEFAULT_DIVERSITY_THRESHOLD, BatchPlan, compose
from clean_al.duplicates import NearCopies
from clean_al.labeled import Labeled
from clean_al.learners import fitted
from clean_al.metrics import SamplingMetrics, batch_diversity, batch_efficiency
from clean_al.points import Points
from clean_al.pool import Options, Pool, Strategy
from clean_al.savings import LabelSavings, label_savings
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty import UNCERTAINTY
from clean_al.validation import (
    check_costs,
    check_count,
    check_doubt,
    check_embedding,
    check_features,
    check_labels,
    check_mask,
    check_number,
    check_option,
)


@dataclass(frozen=True)
class Selection:
    """The last batch: where it came from, its rows, and which of them were drawn uniformly."""

    pool: Pool
    rows: np.ndarray
    uniform: np.ndarray


class BaseSampler(BaseEstimator):
    """Fit on labeled items, select among unlabeled ones, update with new labels.

    Subclasses have the parameters random_state, duplicate_threshold and n_jobs, and the three methods
    `_options`, `_strategy` and `_new_model`.
    """

    random_state: Any
    duplicate_threshold: float
    n_jobs: int | None

    def _options(self) -> Options:
        raise NotImplementedError

    def _strategy(self) -> Strategy:
        raise NotImplementedError

    def _new_model(self, seed: int | None) -> Any:
        raise NotImplementedError

    def fit(self, X: Any, y: Any, *, embedding: Any = None, uniform: Any = None) -> Self:
        """Learn from labeled items, forgetting earlier ones; returns the sampler itself.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_labeled, n_features), float32 or float64
        y : array of shape (n_labeled,), any labels; one class only is allowed
        embedding : array of shape (n_labeled, d), optional
            Measures distances in place of X; then select and update take one too.
        uniform : bool array of shape (n_labeled,), optional
            Which items were drawn uniformly at random; all of them by default. `estimate_accuracy` and
            `label_savings` rest on those: mark chosen ones False.

        Raises
        ------
        ValueError
            Wrong shapes, NaN or infinity, unknown options, weights that do not add up.
        TypeError
            Parameters of the wrong type, an estimator that cannot rank.
        """
        self._check()
        return self._learn(self._labeled(X, y, embedding, True if uniform is None else uniform))

    def update(self, X: Any, y: Any, *, embedding: Any = None, uniform: Any = None) -> Self:
        """Add newly labeled items, in old classes or new ones, and learn again; returns the sampler itself.

        Parameters and errors are those of `fit`, except that uniform is known by itself when X holds the rows
        of the last `select` in its order; else the new items count as chosen.
        """
        self._check()
        labeled: Labeled | None = getattr(self, "labeled_", None)
        X = check_features(X, "X", n_features=getattr(self, "n_features_in_", None))
        uniform = self._drawn(X) if uniform is None else uniform
        new = self._labeled(X, y, embedding, uniform, n_features=getattr(self, "n_features_in_", None))
        return self._learn(new if labeled is None else labeled.extended(new))

    def select(
        self,
        X: Any,
        n_samples: int,
        *,
        batch_mode: str | None = None,
        batch_diversity_threshold: float | None = None,
        n_clusters: int | None = None,
        embedding: Any = None,
        costs: Any = None,
        exploration: float | None = None,
        doubt: Any = None,
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
        costs : array of shape (n,), optional
            What labeling each item costs (seconds, money), above zero: informativeness per cost counts then.
        exploration : float in [0, 1], optional
            Share of this batch drawn uniformly at random, in place of exploration_weight.
        doubt : array of shape (n,), optional
            How unsure something else is of each item (higher is less sure), in place of the classifier; no
            model is needed then. Within [0, 1] it is a weight as it is, else only its order counts. What
            looks into the classifier (committee, badge, ...) gives way to uncertainty or hybrid.

        Returns
        -------
        array of int, shape (n_samples,)
            Near-copies of one another, or of labeled items, come only when nothing else is left, or where
            exploration draws them: its share is drawn from all items alike.

        Raises
        ------
        ValueError
            Wrong shapes, NaN or infinity, unknown options, n_samples out of range.
        """
        options = self._check()
        X = check_features(X, "X", n_features=getattr(self, "n_features_in_", None))
        pool = self._pool(X, check_embedding(embedding, X.shape[0]), options)
        pool.costs, pool.doubt = check_costs(costs, len(pool)), check_doubt(doubt, len(pool))
        n = check_count(n_samples, "n_samples", high=len(pool), of=" (the rows of X)")
        plan = self._plan(batch_mode, batch_diversity_threshold, n_clusters, n, len(pool))
        share = options.weights.exploration
        if exploration is not None:
            share = check_number(exploration, "exploration", high=1.0)
        rows, uniform = self._choose(pool, n, plan, share)
        self.selection_ = Selection(pool, rows, uniform)
        self.uniform_ = uniform
        return rows

    def predict(self, X: Any) -> np.ndarray:
        """The model's label for each row of X; needs labels of at least two classes."""
        return self._fitted_model().predict(check_features(X, "X", n_features=self.n_features_in_))

    def estimate_accuracy(self, X_unlabeled: Any = None, *, confidence: float = 0.9) -> AccuracyEstimate:
        """The model's accuracy over labeled and unlabeled items, with an interval; nan while not known.

        Five copies of the model (ten below 200 labels) are fitted for it: ask once per round.

        Parameters
        ----------
        X_unlabeled : array or CSR matrix of shape (n, n_features), default the pool of the last `select`
        confidence : float, nominal coverage of the interval
        """
        model, last = getattr(self, "model_", None), getattr(self, "selection_", None)
        if model is None:
            return unknown_accuracy(confidence)
        if X_unlabeled is None and last is not None:
            X_unlabeled = last.pool.X
        return estimate_accuracy(model, self.labeled_, X_unlabeled, confidence=confidence)

    def label_savings(self, target: float | None = None, *, confidence: float = 0.9) -> LabelSavings | None:
        """Share of labels saved against random sampling up to an accuracy; None while it cannot be known.

        Parameters
        ----------
        target : float, default the estimated accuracy of now
        """
        if getattr(self, "model_", None) is None:
            return None
        value = self.estimate_accuracy() if target is None else check_number(target, "target")
        return label_savings(self.model_, self.labeled_, value, confidence=confidence)

    def get_metrics(self) -> SamplingMetrics:
        """Figures about the last batch and the labels so far; formulas are in `SamplingMetrics`."""
        labeled: Labeled | None = getattr(self, "labeled_", None)
        last: Selection | None = getattr(self, "selection_", None)
        nan = float("nan")
        return SamplingMetrics(
            efficiency=batch_efficiency(last.pool, last.rows) if last else nan,
            diversity=batch_diversity(last.pool, last.rows) if last else nan,
            label_savings=self.label_savings(),
            n_labeled=0 if labeled is None else len(labeled.y),
            n_selected=len(last.rows) if last else 0,
        )

    def _fitted_model(self) -> Any:
        model = getattr(self, "model_", None)
        if model is None:
            raise ValueError("there is no model yet: call fit or update with labels of at least two classes")
        return model

    def _check(self) -> Options:
        check_number(self.duplicate_threshold, "duplicate_threshold", high=1.0)
        self._new_model(None)
        return self._options()

    def _labeled(
        self, X: Any, y: Any, embedding: Any, uniform: Any, n_features: int | None = None
    ) -> Labeled:
        X = check_features(X, "X", n_features=n_features)
        if X.shape[0] == 0:
            raise ValueError("X is empty: give at least one labeled item, or call select without a fit")
        y = check_labels(y, X.shape[0])
        embedding = check_embedding(embedding, X.shape[0])
        drawn = check_mask(uniform, X.shape[0], "uniform")
        return Labeled(X.copy(), y.copy(), None if embedding is None else embedding.copy(), drawn)

    def _drawn(self, X: Any) -> Any:
        """Which rows of X were drawn at random in the last select, if X holds its rows."""
        last: Selection | None = getattr(self, "selection_", None)
        if last is None or not last.uniform.any() or np.shape(X) != (len(last.rows), last.pool.X.shape[1]):
            return False
        chosen = last.pool.X[last.rows]
        same = abs(chosen - X).sum() == 0
        return last.uniform if same else False

    def _learn(self, labeled: Labeled) -> Self:
        model = None
        if len(labeled.classes) > 1:
            model = labeled.learnable_by(self._new_model(self._seed(len(labeled.y))), self.n_jobs)
            fitted(model, labeled.X, labeled.y)
        self.model_, self.labeled_ = model, labeled
        self.n_features_in_ = int(labeled.X.shape[1])
        self.classes_ = labeled.classes
        return self

    def _seed(self, n_labeled: int) -> int | None:
        return None if self.random_state is None else int(self._rng(n_labeled).integers(2**31 - 1))

    def _rng(self, n_labeled: int) -> np.random.Generator:
        """With an int seed every call starts anew, from the seed and the number of labels."""
        state = self.random_state
        if isinstance(state, np.random.Generator):
            return state
        if isinstance(state, np.random.RandomState):
            return np.random.default_rng(state.randint(2**31 - 1))
        if state is None:
            return np.random.default_rng()
        return np.random.default_rng([check_count(state, "random_state", low=0), n_labeled])

    def _pool(self, X: Any, embedding: np.ndarray | None, options: Options) -> Pool:
        if X.shape[0] == 0:
            raise ValueError("X is empty: there is nothing left to select from")
        labeled: Labeled | None = getattr(self, "labeled_", None)
        points = Points(X if embedding is None else embedding)
        if labeled is not None:
            labeled.check_same_space(embedding)
        if not hasattr(self, "memory_"):
            self.memory_: dict[str, Any] = {}
        return Pool(
            X=X,
            points=points,
            seen=None if labeled is None else labeled.points,
            model=getattr(self, "model_", None),
            rng=self._rng(0 if labeled is None else len(labeled.y)),
            options=options,
            labeled=labeled,
            memory=self.memory_,
        )

    def _plan(self, mode: Any, threshold: Any, n_clusters: Any, n: int, n_pool: int) -> BatchPlan:
        if mode is not None:
            check_option(mode, "batch_mode", BATCH_MODES)
        if threshold is None:
            threshold = DEFAULT_DIVERSITY_THRESHOLD
        clusters = n if n_clusters is None else check_count(n_clusters, "n_clusters", high=n_pool)
        return BatchPlan(mode, check_number(threshold, "batch_diversity_threshold"), min(clusters, n_pool))

    def _choose(self, pool: Pool, n: int, plan: BatchPlan, share: float) -> tuple[np.ndarray, np.ndarray]:
        strategy = _in_place_of(self._strategy(), pool)
        if pool.labeled is not None and pool.labeled.multilabel and not strategy.multilabel:
            raise ValueError(
                f"{getattr(self, 'strategy', type(self).__name__)!r} does not work with multilabel y: "
                "choose auto, hybrid, uncertainty or a diversity method"
            )
        guard = NearCopies(pool, self.duplicate_threshold)
        n_uniform = int(share * n + 0.5)
        # Past the guard: draws that avoided copies would speak of different items, not of all items.
        drawn = pool.rng.choice(len(pool), n_uniform, replace=False) if n_uniform else np.empty(0, np.intp)
        return _interleaved(compose(pool, strategy, n - len(drawn), plan, guard, drawn), drawn)


def _in_place_of(strategy: Strategy, pool: Pool) -> Strategy:
    """The strategy itself, or what stands in for one that needs a model which nobody has or nobody asks."""
    if pool.doubt is not None and strategy.needs_model and not strategy.obeys_doubt:
        return UNCERTAINTY if strategy.batch is None else HYBRID
    return TYPICLUST if strategy.needs_model and not pool.can_rank else strategy


def _interleaved(chosen: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chosen rows with the drawn ones spread evenly among them, and a mask of the drawn ones."""
    place = np.concatenate([np.arange(len(chosen)) + 0.5, np.linspace(0, len(chosen), len(drawn) + 2)[1:-1]])
    uniform = np.arange(len(place)) >= len(chosen)
    order = np.argsort(place, kind="stable")
    return np.concatenate([chosen, drawn])[order].astype(np.intp), uniform[order]
