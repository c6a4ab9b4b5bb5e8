"""Texts as a low-rank sketch of the pool beside TF-IDF, so that a classifier learns early and late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from backend.learning.vectorize.base import Download, Features, ObjectTag, State, Vectorizer, look_up_each
from backend.learning.vectorize.described import attributes_of
from backend.learning.vectorize.fetching import fetch_lists
from backend.learning.vectorize.gaps import NOTHING, Unread
from backend.learning.vectorize.titles import says_something
from backend.learning.vectorize.wording import ATTRIBUTES, WORDINGS, as_text, decoded_text

N_HASHES = 2**18
RANK = 100
# The sketch counts twice: with few labels it decides; with many the learner shortens it.
SKETCH_WEIGHT = 2.0
FIT_SAMPLE = 50_000
BLOCK = 10_000

_COUNTERS = (
    HashingVectorizer(
        # No alternating signs: colliding terms then add up, and the logarithm below takes positive counts.
        ngram_range=(1, 2),
        n_features=N_HASHES,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    ),
    HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 5),
        n_features=N_HASHES,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    ),
)


class TextVectorizer(Vectorizer):
    """TF-IDF of words and character n-grams, beside its projection on the pool's main directions.

    Each text becomes ``[2 * sketch, tfidf]``: `tfidf` has unit length over hashed word 1-2-grams and
    character 3-5-grams that at least two texts share (where none do, over all); `sketch` is its truncated SVD
    (100 dimensions, unit length), which is also the embedding. Hashing needs no vocabulary, so a text that
    arrives later is read the same way. The SVD is fitted on at most 50,000 texts: memory does not grow with
    the pool.

    References
    ----------
    Deerwester et al., Indexing by latent semantic analysis, 1990. Weinberger et al., Feature hashing, 2009.
    """

    KIND = "text"
    ENCODED_AS = "text"

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [fields_of(o) for o in shown if o.tag in WORDINGS and says_something(o, sample)]

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        how = dict(field.split("=", 1) for field in fields[1:])
        wording = WORDINGS[how.get("tag", "Text")]
        parts = [look_up_each(d, fields[0]) for d in data]

        def words(value: Any) -> Any:
            return value if isinstance(value, Unread) else wording(value, how)

        if how.get("valueType", "").lower() == "url":
            parts = fetch_lists(parts, download, lambda content: words(decoded_text(content)))
        else:
            parts = [list(map(words, of_task)) for of_task in parts]
        return [joined(of_task) for of_task in parts]

    def fit(self, values: Sequence[Any]) -> Self:
        texts = _sample([as_text(v) for v in values], self.seed)
        counts = [_count(counter, texts) for counter in _COUNTERS]
        self.columns_, self.idf_ = [], []
        for matrix in counts:
            frequency = np.bincount(matrix.indices, minlength=N_HASHES)
            columns = _shared_columns(frequency)
            self.columns_.append(columns.astype(np.int32))
            self.idf_.append((np.log((1 + len(texts)) / (1 + frequency[columns])) + 1).astype(np.float32))
        self.components_ = self._main_directions(self._tfidf(counts))
        return self

    def transform(self, values: Sequence[Any]) -> Features:
        parts = [self._transform_block(values[i : i + BLOCK]) for i in range(0, len(values), BLOCK)]
        return Features.concatenate(parts or [self._transform_block([])])

    @property
    def n_sketch(self) -> int:
        return int(self.components_.shape[0])

    def state(self) -> State:
        arrays = {"components": self.components_}
        for i, (columns, idf) in enumerate(zip(self.columns_, self.idf_, strict=True)):
            arrays |= {f"columns{i}": columns, f"idf{i}": idf}
        return {"seed": self.seed}, arrays

    @classmethod
    def from_state(cls, state: State) -> Self:
        values, arrays = state
        vectorizer = cls(values["seed"])
        vectorizer.columns_ = [arrays[f"columns{i}"] for i in range(len(_COUNTERS))]
        vectorizer.idf_ = [arrays[f"idf{i}"] for i in range(len(_COUNTERS))]
        vectorizer.components_ = arrays["components"]
        return vectorizer

    def _transform_block(self, values: Sequence[Any]) -> Features:
        texts = [as_text(v) for v in values]
        tfidf = self._tfidf([_count(counter, texts) for counter in _COUNTERS])
        sketch = _unit_rows(tfidf @ self.components_.T).astype(np.float32)
        X = sparse.hstack([sparse.csr_matrix(SKETCH_WEIGHT * sketch), tfidf], format="csr", dtype=np.float32)
        readable = np.fromiter((bool(t.strip()) for t in texts), dtype=bool, count=len(texts))
        return Features(X, sketch, readable)

    def _tfidf(self, counts: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
        parts = []
        for matrix, columns, idf in zip(counts, self.columns_, self.idf_, strict=True):
            kept = matrix[:, columns]
            # As scikit-learn's sublinear_tf: a word ten times in a text says little more than a word twice.
            kept.data = np.log(kept.data) + 1
            parts.append(_unit_rows(kept @ sparse.diags(idf)))
        return _unit_rows(sparse.hstack(parts, format="csr", dtype=np.float32))

    def _main_directions(self, tfidf: sparse.csr_matrix) -> np.ndarray:
        rank = min(RANK, min(tfidf.shape) - 1)
        if rank < 1:
            return np.zeros((1, tfidf.shape[1]), dtype=np.float32)
        # Texts that are all alike have no variance, of which the share of each direction would be 0 / 0.
        with np.errstate(invalid="ignore", divide="ignore"):
            svd = TruncatedSVD(rank, random_state=self.seed).fit(tfidf)
        return svd.components_.astype(np.float32)


def joined(texts: Sequence[Any]) -> Any:
    """Return the texts of a task as one; the first reason where none of them was read."""
    read = [text for text in texts if not isinstance(text, Unread)]
    return "\n".join(read) if read else next(iter(texts), NOTHING)


def fields_of(shown: ObjectTag) -> tuple[str, ...]:
    """Return what to read of an object and how; a plain text needs no more than its value."""
    how = [f"tag={shown.tag}"] if shown.tag != "Text" else []
    return (shown.value.text, *how, *attributes_of(shown, ATTRIBUTES))


def _count(counter: HashingVectorizer, texts: list[str]) -> sparse.csr_matrix:
    if not texts:
        return sparse.csr_matrix((0, N_HASHES), dtype=np.float32)
    # Lone surrogates cannot be encoded for hashing; they carry no meaning.
    return counter.transform(t.encode("utf-8", "replace").decode("utf-8") for t in texts)


def _shared_columns(frequency: np.ndarray) -> np.ndarray:
    """Return the columns that two texts share; where there are none, those of any text, and at least one."""
    for least in (2, 1):
        columns = np.flatnonzero(frequency >= least)
        if len(columns):
            return columns
    return np.zeros(1, dtype=np.int64)


def _unit_rows(matrix: Any) -> Any:
    return normalize(matrix) if matrix.shape[0] else matrix


def _sample(texts: list[str], seed: int) -> list[str]:
    if len(texts) <= FIT_SAMPLE:
        return texts
    rows = np.random.default_rng(seed).choice(len(texts), FIT_SAMPLE, replace=False)
    return [texts[i] for i in np.sort(rows)]
