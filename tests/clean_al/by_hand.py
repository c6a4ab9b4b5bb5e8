"""Small pools whose numbers are given, not learned."""

from typing import Any

import numpy as np

from clean_al import Pool
from clean_al.labeled import Labeled
from clean_al.points import Points
from clean_al.pool import Options
from clean_al.validation import Weights


class Told:
    """A model that was told the class probabilities of every row."""

    def __init__(self, X: Any, probabilities: Any):
        self.classes_ = np.arange(np.shape(probabilities)[1])
        self._told = dict(zip(map(tuple, np.asarray(X, float).tolist()), probabilities, strict=True))

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.array([self._told[tuple(row)] for row in X.tolist()], float)


def pool_of(
    X: Any,
    *,
    seen: Any = None,
    model: Any = None,
    uncertainty: Any = None,
    doubt: Any = None,
    weights: tuple[float, float] = (0.5, 0.5),
    seed: int = 0,
    **options: Any,
) -> Pool:
    """A pool of these rows; seen are the labeled ones."""
    X = np.asarray(X, float)
    labeled = None
    if seen is not None:
        seen = np.asarray(seen, float)
        labeled = Labeled(seen, np.arange(len(seen)) % 2, None, np.ones(len(seen), bool))
    pool = Pool(
        X=X,
        points=Points(X),
        seen=None if labeled is None else labeled.points,
        model=model,
        rng=np.random.default_rng(seed),
        options=Options(Weights(*weights, 0.0), **options),
        labeled=labeled,
        doubt=None if doubt is None else np.asarray(doubt, float),
    )
    if uncertainty is not None:
        pool.__dict__["uncertainty"] = np.asarray(uncertainty, float)
    return pool


def line(*places: float) -> np.ndarray:
    """Items on a line, one feature each."""
    return np.array(places, float)[:, None]
