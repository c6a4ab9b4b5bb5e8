"""What a strategy sees when it chooses, and the shape that every strategy has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from scipy.stats import rankdata

from clean_al.columns import Columns
from clean_al.costs import per_cost
from clean_al.kept import kept
from clean_al.labeled import Labeled
from clean_al.learners import class_probabilities
from clean_al.multilabel import over_labels
from clean_al.points import BLOCK_ROWS, Points, blocks, exact_sq_distances
from clean_al.uncertainty import UNCERTAINTY_METHODS
from clean_al.validation import Weights

# A few for each worker of a usual machine, so that an early one does not wait for the last.
SPANS = 16


@dataclass(frozen=True)
class Options:
    """The sampler's settings that strategies read."""

    weights: Weights
    uncertainty_method: str = "margin"
    diversity_method: str = "kmeans"
    gradient_method: str = "empirical"
    disagreement_method: str = "jensen_shannon"
    n_jobs: int | None = None
    wanted: str | None = None


@dataclass(eq=False)
class Pool:
    """Unlabeled items, what is labeled already, and the model of the moment.

    Attributes
    ----------
    X : array or CSR matrix of shape (n, n_features), for the model
    points : Points of n rows, for distances (the embedding, or X itself)
    seen : Points of the labeled items, in the same space; None without any
    model : fitted classifier, or None before two classes are known
    labeled : the labeled items themselves; None without any
    costs : what labeling each item costs, shape (n,), or None
    columns : the columns of the frame that X was made of, or None
    doubt : how unsure something else is of each item, shape (n,), in place of the model's own; or None
    memory : what strategies keep between calls, under their own names
    rng : the only source of randomness
    """

    X: Any
    points: Points
    seen: Points | None
    model: Any
    rng: np.random.Generator
    options: Options
    labeled: Labeled | None = None
    costs: np.ndarray | None = None
    columns: Columns | None = None
    doubt: np.ndarray | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.points)

    def seed(self) -> int:
        """A fresh seed for code that takes integers."""
        return int(self.rng.integers(2**31 - 1))

    @property
    def numbers(self) -> Any:
        """X, for those who reckon with it; the space of distances where X holds gaps or no numbers."""
        # Codes of a column of strings have no size: arithmetic on them would follow the order in which they
        # came.
        return self.X if self.points.X is self.X or self.is_numeric else self.points.X

    @kept
    def is_numeric(self) -> bool:
        """Whether X holds numbers alone, without gaps."""
        coded = self.columns is not None and self.columns.values
        values = self.X.data if sparse.issparse(self.X) else self.X
        # The sum is nan when any number is, without an array of bools as large as X.
        return not coded and not np.isnan(values.sum())

    def score_blocks(self, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Apply a score to the class probabilities of every item, holding only a block of them at a time.

        Runs through joblib, as threads unless another backend is configured; score must be picklable then.
        """
        return scored_in_blocks(class_probabilities, score, self.model, self.X, self.options.n_jobs)

    @property
    def can_rank(self) -> bool:
        """Whether `uncertainty` is known: by a model, or by a doubt from outside."""
        return self.model is not None or self.doubt is not None

    @kept
    def uncertainty(self) -> np.ndarray:
        """How unsure the model is of each item, by the uncertainty method of the options; shape (n,).

        A doubt from outside takes its place: within [0, 1] as it is, on any other scale by its order alone.
        """
        if self.doubt is not None:
            return _as_weights(self.doubt)
        measure = UNCERTAINTY_METHODS[self.options.uncertainty_method]
        if self.labeled is not None and self.labeled.multilabel:
            measure = over_labels(measure)
        return self.score_blocks(measure)

    @property
    def value(self) -> np.ndarray:
        """Uncertainty, per cost where items differ in cost; shape (n,)."""
        return self.uncertainty if self.costs is None else per_cost(self.uncertainty, self.costs)


def _as_weights(doubt: np.ndarray) -> np.ndarray:
    """Doubts in [0, 1]: on another scale mean ranks in (0, 1], because strategies weigh items by them."""
    within = doubt.min(initial=0.0) >= 0 and doubt.max(initial=0.0) <= 1
    return doubt if within else rankdata(doubt) / len(doubt)


def scored_in_blocks(
    predict: Callable[[Any, Any], np.ndarray],
    score: Callable[[np.ndarray], np.ndarray],
    model: Any,
    X: Any,
    n_jobs: int | None,
    block_rows: int = BLOCK_ROWS,
) -> np.ndarray:
    """score(predict(model, rows)) for all rows of X, in spans that joblib spreads and blocks within them."""
    # The same spans for any number of workers, so that n_jobs changes no score by a rounding error.
    spans = blocks(X.shape[0], max(block_rows, -(-X.shape[0] // SPANS)))
    jobs = (delayed(_scored_span)(predict, score, model, X[span], block_rows) for span in spans)
    return np.concatenate(Parallel(n_jobs=n_jobs, prefer="threads")(jobs))


def _scored_span(predict: Any, score: Any, model: Any, X: Any, block_rows: int) -> np.ndarray:
    if X.shape[0] <= block_rows:
        # As it is: of sparse rows a slice is a copy, even where it is all of them.
        return score(predict(model, X))
    return np.concatenate([score(predict(model, X[part])) for part in blocks(X.shape[0], block_rows)])


@dataclass(frozen=True)
class Strategy:
    """How informative each item is, and how a batch is put together.

    Parameters
    ----------
    scores : function of a Pool giving floats of shape (n,), higher is asked for first
    batch : function of a Pool and a number of items giving that many distinct rows, best first;
        None takes the highest scores, ties broken at random
    learner : what to make of the user's learner (and a seed, and n_jobs) before it is fitted; None leaves it
    weighs_costs : whether batch takes the costs of items into account; else scores per cost decide
    multilabel : whether it works when an item can have several labels
    needs_model : whether scores need a fitted model; before there is one, the cold start chooses
    obeys_doubt : whether it takes what it needs of the model from `pool.uncertainty` alone
    """

    scores: Callable[[Pool], np.ndarray]
    batch: Callable[[Pool, int], np.ndarray] | None = None
    needs_model: bool = True
    obeys_doubt: bool = False
    weighs_costs: bool = False
    multilabel: bool = True
    learner: Callable[[Any, int | None, int | None], Any] | None = None

    def choose(self, pool: Pool, n: int) -> np.ndarray:
        """Rows of the pool, best first."""
        return self.batch(pool, n) if self.batch else top(self.scores(pool), n, pool.rng)


def top(scores: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The n rows of the highest scores, best first, ties in random order."""
    n = min(n, len(scores))
    # Only what can be among the n is sorted: partition is linear, and n is small beside the pool.
    if 0 < n < len(scores):
        threshold = np.partition(scores, len(scores) - n)[len(scores) - n]
        rows = np.flatnonzero(scores >= threshold)
    else:
        rows = np.arange(len(scores))
    # Shuffled before a stable sort, so ties come in random order; else equal scores favor the first rows.
    rows = rng.permutation(rows)
    return rows[np.argsort(-scores[rows], kind="stable")][:n]


def spread_out(points: Points, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same rows ordered so that every beginning of them is both high in weight and spread out.

    The next row is the one with the largest weight x distance to the rows before it.
    """
    block = points.X[rows]
    weights = np.asarray(weights, np.float64)
    order = np.empty(len(rows), np.intp)
    distance = np.full(len(rows), np.inf)
    value = weights.copy()
    for i in range(len(rows)):
        order[i] = pick = int(np.argmax(value))
        np.minimum(distance, np.sqrt(exact_sq_distances(block, block[[pick]])[:, 0]), out=distance)
        # A copy of a pick is at distance zero: it must still rank before the rows that are picked, at -1.
        value = weights * distance + np.finfo(float).tiny
        value[order[: i + 1]] = -1.0
    return rows[order]
