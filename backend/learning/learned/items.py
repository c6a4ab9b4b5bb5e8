"""The items that a task sets side by side, each with a score that tells which one people prefer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from backend.learning.vectorize import State, TextVectorizer
from backend.learning.vectorize.text import as_text

MOST_PAIRS = 50_000
MOST_ITEMS = 1000


class ItemScorer:
    """Scores of texts, whose differences are the log odds that one is preferred to the other.

    Parameters
    ----------
    vectorizer : fitted on the items
    weights : array of shape (n_features,)

    References
    ----------
    Bradley and Terry, Rank analysis of incomplete block designs, Biometrika 39, 1952.
    """

    def __init__(self, vectorizer: TextVectorizer, weights: np.ndarray):
        self.vectorizer, self.weights = vectorizer, weights

    @classmethod
    def fitted(cls, better: Sequence[str], worse: Sequence[str], seed: int) -> ItemScorer:
        """Return the scorer that is learned from pairs of which the one was preferred to the other."""
        better, worse = better[:MOST_PAIRS], worse[:MOST_PAIRS]
        vectorizer = TextVectorizer(seed).fit(list(dict.fromkeys([*better, *worse])))
        apart = vectorizer.transform(better).X - vectorizer.transform(worse).X
        # Both ways round, so that no side is favored.
        X = sparse.vstack([apart, -apart], format="csr")
        y = np.repeat([1, 0], len(better))
        # No intercept: it would be a preference for the side, which the pairs both ways round have taken out.
        model = LogisticRegression(C=10.0, fit_intercept=False, max_iter=500).fit(X, y)
        return cls(vectorizer, model.coef_[0])

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Return the score of each text; shape (n_texts,)."""
        if not len(texts):
            return np.zeros(0)
        return np.asarray(self.vectorizer.transform(texts).X @ self.weights, dtype=np.float64).ravel()

    def scores_of(self, groups: Iterable[Sequence[str]]) -> list[np.ndarray]:
        """Return the scores of the items of each task, in one go."""
        lists = [list(group)[:MOST_ITEMS] for group in groups]
        flat = self.scores([text for group in lists for text in group])
        return np.split(flat, np.cumsum([len(group) for group in lists])[:-1]) if lists else []

    def state(self) -> State:
        """Return JSON values and arrays, all that `from_state` needs."""
        values, arrays = self.vectorizer.state()
        return values, {**arrays, "weights": self.weights}

    @classmethod
    def from_state(cls, state: State) -> ItemScorer:
        """Return the scorer that gave these."""
        vectorizer, weights = TextVectorizer.from_state(state), state[1]["weights"]
        # Fails here, where it is loaded, if the two do not belong together.
        vectorizer.transform(["a text"]).X @ weights
        return cls(vectorizer, weights)


def preferred(scores: np.ndarray) -> np.ndarray:
    """Return how likely each item is preferred to each other one; shape (n_items, n_items)."""
    return expit(scores[:, None] - scores[None, :])


def text_of(item: Any) -> str:
    """Return an item as text: of a list's items title and body, without the id and without tags."""
    if isinstance(item, dict):
        item = [value for key, value in item.items() if key != "id"]
    return as_text(item)
