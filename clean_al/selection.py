"""From a pool to the rows that are asked for next, some of them drawn uniformly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from clean_al.batches import BatchPlan, compose
from clean_al.duplicates import NearCopies
from clean_al.labeled import Labeled
from clean_al.pool import Pool, Strategy
from clean_al.row_keys import rows_among
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty import UNCERTAINTY


@dataclass(frozen=True)
class Selection:
    """The last batch: where it came from, its rows, and which of them were drawn uniformly."""

    pool: Pool
    rows: np.ndarray
    uniform: np.ndarray

    def drawn(self, X: Any) -> Any:
        """Which rows of X were drawn uniformly, if X holds the rows of this batch; else False."""
        # A cheap no, before the rows are compared number by number.
        if not self.uniform.any() or np.shape(X) != (len(self.rows), self.pool.X.shape[1]):
            return False
        return self.uniform if _same(self.pool.X[self.rows], X) else False

    def unlabeled(self, labeled: Labeled | None) -> np.ndarray:
        """A mask of the pool's rows that have no label; a label counts for one of several equal rows."""
        if labeled is None:
            return np.ones(len(self.pool), bool)
        return ~rows_among(self.pool.X, labeled.X, self.rows)


def select_rows(
    pool: Pool, strategy: Strategy, n: int, plan: BatchPlan, share: float, duplicate_threshold: float
) -> Selection:
    """n rows, best first: the strategy's own, and the share of uniform ones spread evenly among them."""
    guard = NearCopies(pool, duplicate_threshold)
    # Not round(): it takes halves to the even number, so a share of 0.1 of 5 would be none and of 15 two.
    n_uniform = int(share * n + 0.5)
    # Past the guard: draws that avoided copies would speak of different items, not of all items.
    drawn = pool.rng.choice(len(pool), n_uniform, replace=False) if n_uniform else np.empty(0, np.intp)
    chosen = compose(pool, in_place_of(strategy, pool), n - len(drawn), plan, guard, drawn)
    return Selection(pool, *_interleaved(chosen, drawn))


def in_place_of(strategy: Strategy, pool: Pool) -> Strategy:
    """The strategy itself, or what stands in for one that needs a model which nobody has or nobody asks."""
    if pool.doubt is not None and strategy.needs_model and not strategy.obeys_doubt:
        return UNCERTAINTY if strategy.batch is None else HYBRID
    return TYPICLUST if strategy.needs_model and not pool.can_rank else strategy


def check_multilabel(pool: Pool, strategy: Strategy, name: str) -> None:
    """Raise a ValueError if items have several labels and what would choose among them takes one only."""
    several = pool.labeled is not None and pool.labeled.multilabel
    stands_in = pool.doubt is not None and strategy.needs_model
    if several and not strategy.multilabel and not stands_in:
        raise ValueError(
            f"{name!r} does not work with multilabel y: choose auto, hybrid, uncertainty or a diversity "
            "method"
        )


def _same(a: Any, b: Any) -> bool:
    if sparse.issparse(a) or sparse.issparse(b):
        return bool(abs(a - b).sum() == 0)
    return np.array_equal(a, b, equal_nan=True)


def _interleaved(chosen: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chosen rows with the drawn ones spread evenly among them, and a mask of the drawn ones."""
    place = np.concatenate([np.arange(len(chosen)) + 0.5, np.linspace(0, len(chosen), len(drawn) + 2)[1:-1]])
    uniform = np.arange(len(place)) >= len(chosen)
    order = np.argsort(place, kind="stable")
    return np.concatenate([chosen, drawn])[order].astype(np.intp), uniform[order]
