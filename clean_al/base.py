"""What all samplers share: fit, update, select; each one says which strategy and which learner it uses."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from clean_al.accuracy import AccuracyEstimate, estimate_accuracy, unknown_accuracy
from clean_al.batches import BATCH_MODES, DEFAULT_DIVERSITY_THRESHOLD, BatchPlan
from clean_al.columns import Columns, FrameClassifier, is_frame, listed
from clean_al.fitting import TooFewLabels, fitted, predicted
from clean_al.held_out import held_out_probabilities
from clean_al.labeled import Labeled
from clean_al.learners import make_learner
from clean_al.metrics import SamplingMetrics, batch_diversity, batch_efficiency
from clean_al.points import Points
from clean_al.pool import Options, Pool, Strategy
from clean_al.savings import LabelSavings, label_savings
from clean_al.selection import Selection, check_multilabel, select_rows
from clean_al.validation import (
    check_confidence,
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


class BaseSampler(BaseEstimator):
    """Fit on labeled items, select among unlabeled ones, update with new labels.

    Subclasses have the parameters random_state, duplicate_threshold and n_jobs, and the four methods
    `_options`, `_strategy`, `_estimators` and `_new_model`.
    """

    random_state: Any
    duplicate_threshold: float
    n_jobs: int | None

    def _options(self) -> Options:
        raise NotImplementedError

    def _strategy(self) -> Strategy:
        raise NotImplementedError

    def _estimators(self) -> list[Any]:
        """What was given to learn with: names, None, or the caller's own classifiers."""
        raise NotImplementedError

    def _new_model(self, seed: int | None, columns: Columns | None = None) -> Any:
        raise NotImplementedError

    def fit(self, X: Any, y: Any, *, embedding: Any = None, uniform: Any = None) -> Self:
        """Learn from labeled items, forgetting earlier ones; returns the sampler itself.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_labeled, n_features)
            Numbers; a classifier of your own sees a frame with its columns. With an embedding, X may hold
            what your classifier takes beyond finite numbers: NaN, and columns of strings.
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
        columns = Columns(X) if is_frame(X) else None
        X = self._features(X, embedding, columns)
        return self._learn(self._labeled(X, y, embedding, True if uniform is None else uniform, columns))

    def update(self, X: Any, y: Any, *, embedding: Any = None, uniform: Any = None) -> Self:
        """Add newly labeled items, in old classes or new ones, and learn again; returns the sampler itself.

        Parameters and errors are those of `fit`, except that uniform is known by itself when X holds the rows
        of the last `select` in its order; else the new items count as chosen.
        """
        self._check()
        labeled: Labeled | None = getattr(self, "labeled_", None)
        columns = self._columns(X)
        X = self._features(X, embedding, columns, n_features=getattr(self, "n_features_in_", None))
        last: Selection | None = getattr(self, "selection_", None)
        if uniform is None:
            uniform = False if last is None else last.drawn(X)
        new = self._labeled(X, y, embedding, uniform, columns)
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
        X : array, CSR matrix or data frame of shape (n, n_features), as in `fit`
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
        columns = self._columns(X)
        X = self._features(X, embedding, columns, n_features=getattr(self, "n_features_in_", None))
        embedding = check_embedding(embedding, X.shape[0])
        if hasattr(self, "labeled_"):
            self.labeled_.check_same_space(embedding)
        pool = self._pool(X, embedding, options)
        pool.columns = columns
        pool.costs, pool.doubt = check_costs(costs, len(pool)), check_doubt(doubt, len(pool))
        n = check_count(n_samples, "n_samples", high=len(pool), of=" (the rows of X)")
        plan = self._plan(batch_mode, batch_diversity_threshold, n_clusters, n, len(pool))
        share = options.weights.exploration
        if exploration is not None:
            share = check_number(exploration, "exploration", high=1.0)
        check_multilabel(pool, self._strategy(), getattr(self, "strategy", type(self).__name__))
        self.selection_ = select_rows(pool, self._strategy(), n, plan, share, self.duplicate_threshold)
        self.uniform_ = self.selection_.uniform
        return self.selection_.rows

    def predict(self, X: Any) -> np.ndarray:
        """The model's label for each row of X; needs labels of at least two classes."""
        return predicted(self._fitted_model(), self._asked(X))

    def estimate_accuracy(self, X_unlabeled: Any = None, *, confidence: float = 0.9) -> AccuracyEstimate:
        """The model's accuracy over labeled and unlabeled items, with an interval; nan while not known.

        Five copies of the model (ten below 1,000 labels) are fitted for it: ask once per round.

        Parameters
        ----------
        X_unlabeled : array, CSR matrix or data frame of shape (n, n_features)
            By default the pool of the last `select`, without the rows that have a label by now.
        confidence : float in [0.01, 0.999], nominal coverage of the interval
        """
        confidence = check_confidence(confidence)
        model, last = getattr(self, "model_", None), getattr(self, "selection_", None)
        if model is None:
            return unknown_accuracy(confidence)
        if X_unlabeled is None and last is not None:
            left = last.unlabeled(self.labeled_)
            X_unlabeled = last.pool.X if left.all() else last.pool.X[left]
        elif X_unlabeled is not None:
            X_unlabeled = self._asked(X_unlabeled)
        return estimate_accuracy(model, self.labeled_, X_unlabeled, confidence=confidence)

    def label_savings(self, target: float | None = None, *, confidence: float = 0.9) -> LabelSavings | None:
        """Share of labels saved against random sampling up to an accuracy; None while it cannot be known.

        Parameters
        ----------
        target : float in [0, 1], default the estimated accuracy of now
        confidence : float in [0.01, 0.999], nominal coverage of the interval
        """
        confidence = check_confidence(confidence)
        if target is not None:
            check_number(target, "target", high=1.0)
        if getattr(self, "model_", None) is None:
            return None
        # As it came: an estimate knows its own doubt, a bare number has none.
        value = self.estimate_accuracy() if target is None else target
        return label_savings(self.model_, self.labeled_, value, confidence=confidence)

    def held_out_probabilities(self) -> np.ndarray | None:
        """Probabilities of each labeled item by copies of the model that did not see it; None while too few.

        Shape (n_labeled, n_classes), columns as `labeled_.classes`; `estimate_accuracy` shares its fits.
        """
        model = getattr(self, "model_", None)
        return None if model is None else held_out_probabilities(model, self.labeled_)

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
            why = (
                getattr(self, "why_no_model_", None)
                or "call fit or update with labels of at least two classes"
            )
            raise ValueError(f"there is no model yet: {why}")
        return model

    def _check(self) -> Options:
        check_number(self.duplicate_threshold, "duplicate_threshold", high=1.0)
        # Thrown away: it only has the caller's estimator checked before any work is done.
        self._new_model(None)
        return self._options()

    def _labeled(self, X: Any, y: Any, embedding: Any, uniform: Any, columns: Columns | None) -> Labeled:
        if X.shape[0] == 0:
            raise ValueError("X is empty: give at least one labeled item, or call select without a fit")
        y = check_labels(y, X.shape[0])
        embedding = check_embedding(embedding, X.shape[0])
        drawn = check_mask(uniform, X.shape[0], "uniform")
        # Copies: the caller may fill the same array with the next batch.
        return Labeled(X.copy(), y.copy(), None if embedding is None else embedding.copy(), drawn, columns)

    def _columns(self, X: Any) -> Columns | None:
        """The columns that fit had; before it, those of X."""
        labeled: Labeled | None = getattr(self, "labeled_", None)
        if labeled is not None:
            return labeled.columns
        return Columns(X) if is_frame(X) else None

    def _features(
        self, X: Any, embedding: Any, columns: Columns | None, n_features: int | None = None
    ) -> Any:
        """X as numbers, with gaps or without them; see `Columns` for a frame."""
        if columns is not None and columns.values:
            named = f"X has columns that hold no numbers ({listed(list(columns.values))})"
            if not self._has_own_estimator():
                raise ValueError(f"{named}: give an estimator of your own that encodes them, a pipeline say")
            if embedding is None:
                raise ValueError(f"{named}: give embedding, one row of numbers per item, for distances")
        finite = embedding is None
        return check_features(X, "X", n_features=n_features, finite=finite, columns=columns)

    def _asked(self, X: Any) -> Any:
        """Rows for the model alone, as numbers."""
        labeled: Labeled = self.labeled_
        return self._features(X, labeled.embedding, labeled.columns, n_features=self.n_features_in_)

    def _has_own_estimator(self) -> bool:
        return all(not (given is None or isinstance(given, str)) for given in self._estimators())

    def _learner(self, given: Any, seed: int | None, columns: Columns | None, name: str = "estimator") -> Any:
        """An unfitted classifier; one of the caller's own gets frames where fit had one."""
        model = make_learner(given, seed, name)
        named = given is None or isinstance(given, str)
        return model if named or columns is None else FrameClassifier(model, columns)

    def _learn(self, labeled: Labeled) -> Self:
        model, why = None, None
        if len(labeled.classes) > 1:
            # Always a new one: a model that was fitted before could start warm, and update would differ from
            # fit.
            new = self._new_model(self._seed(len(labeled.y)), labeled.columns)
            try:
                model = fitted(labeled.learnable_by(new, self.n_jobs), labeled.X, labeled.y)
            except TooFewLabels as error:
                why = str(error)
        self.model_, self.labeled_, self.why_no_model_ = model, labeled, why
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
        # The number of labels is part of it: else a uniform share would draw like places of the pool in every
        # round.
        return np.random.default_rng([check_count(state, "random_state", low=0), n_labeled])

    def _pool(self, X: Any, embedding: np.ndarray | None, options: Options) -> Pool:
        if X.shape[0] == 0:
            raise ValueError("X is empty: there is nothing left to select from")
        labeled: Labeled | None = getattr(self, "labeled_", None)
        points = Points(X if embedding is None else embedding)
        # Not in __init__, which by scikit-learn's convention stores parameters and nothing else.
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
