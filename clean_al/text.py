"""Texts as features that learn well from few labels and from many.

With few labels a low-rank sketch of the whole pool (latent semantic analysis) generalizes; with many, single
rare words in TF-IDF do. Side by side, with the sketch scaled up while labels are few, a linear model uses
either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from clean_al.learners import SketchedLogisticRegression
from clean_al.neighborhoods import Neighborhoods


class TextRepresentation(TransformerMixin, BaseEstimator):
    """Turns texts into a sketch of the pool's main directions beside TF-IDF.

    Fit it on the whole pool, labeled or not: labels are not used. Deerwester, Dumais, Furnas, Landauer &
    Harshman, Indexing by Latent Semantic Analysis, 1990.

    Parameters
    ----------
    rank : int, default 100
        Dimensions of the sketch.
    sketch_weight : float, default 2.0
        Length of the sketch; that of the TF-IDF part is 1. A longer sketch is regularized less.
    random_state : int or None

    Examples
    --------
    >>> from clean_al import TextRepresentation
    >>> texts = ["the card is lost", "my card was lost", "a transfer failed", "the transfer has failed"]
    >>> representation = TextRepresentation(rank=2, random_state=0)
    >>> X = representation.fit_transform(texts)
    >>> representation.embedding(X).shape
    (4, 2)
    """

    def __init__(self, rank: int = 100, sketch_weight: float = 2.0, random_state: Any = None):
        self.rank = rank
        self.sketch_weight = sketch_weight
        self.random_state = random_state

    def fit(self, texts: Sequence[str], y: Any = None) -> Self:
        """Learn the vocabulary and the main directions of the pool."""
        self._fit(texts)
        return self

    def fit_transform(self, texts: Sequence[str], y: Any = None) -> sparse.csr_matrix:
        """Fit, and return the features of the same texts."""
        return self._beside(self._fit(texts))

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Features of shape (n, rank + n_terms), float32 CSR: the sketch first."""
        return self._beside(self.tfidf_.transform(texts))

    def embedding(self, X: sparse.csr_matrix) -> np.ndarray:
        """The sketch alone, rows of unit length, shape (n, rank): give it to samplers as their embedding."""
        # Back to unit length: distances are to be those of directions, whatever the learner's weight of the
        # sketch is.
        return X[:, : self.rank_].toarray() / np.float32(self.sketch_weight)

    def learner(self, random_state: Any = None, pool: Any = None) -> SketchedLogisticRegression:
        """An unfitted classifier for these features; it needs the sketch less the more labels there are.

        Parameters
        ----------
        pool : CSR matrix, optional
            These features of the pool, perhaps with an encoder's beside them: from it the classifier learns
            in which directions neighbors are alike. No label is used.
        """
        near = (
            None
            if pool is None
            else Neighborhoods.of(pool, random_state if isinstance(random_state, int) else 0)
        )
        return SketchedLogisticRegression(self.rank_, random_state=random_state, neighborhoods=near)

    def _fit(self, texts: Sequence[str]) -> sparse.csr_matrix:
        self.tfidf_, words = _terms(texts)
        # A small pool has fewer directions than are asked for; TruncatedSVD refuses, or gives fewer columns.
        self.rank_ = max(1, min(self.rank, min(words.shape) - 1))
        self.svd_ = TruncatedSVD(self.rank_, random_state=self.random_state).fit(words)
        return words

    def _beside(self, words: sparse.csr_matrix) -> sparse.csr_matrix:
        sketch = np.float32(self.sketch_weight) * normalize(self.svd_.transform(words))
        both = sparse.hstack([sparse.csr_matrix(sketch.astype(np.float32)), words], format="csr")
        return sparse.csr_matrix(both)


def _terms(texts: Sequence[str]) -> tuple[TfidfVectorizer, sparse.csr_matrix]:
    """A fitted vectorizer and TF-IDF: of words; of characters where no two texts share a word.

    So it is in languages that put no spaces between words.
    """
    # A term of one text tells nothing about others, but a small pool would be left without words.
    least = 2 if len(texts) > 50 else 1
    # The last try keeps characters of one text too: two different emoji still are different.
    for options in ({"analyzer": "word"}, {"analyzer": "char"}, {"analyzer": "char", "min_df": 1}):
        chosen = {
            "ngram_range": (1, 2),
            "min_df": least,
            "sublinear_tf": True,
            "dtype": np.float32,
            **options,
        }
        vectorizer = TfidfVectorizer(**chosen)
        try:
            return vectorizer, vectorizer.fit_transform(texts)
        except ValueError:  # an empty vocabulary
            continue
    raise ValueError("texts are all empty: there is nothing to tell them apart by")
