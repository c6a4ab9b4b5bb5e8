"""A linear-chain conditional random field: fitted by CRFsuite, kept as weights, read by numpy.

CRFsuite's own model file is left behind: its reader trusts what it is given, and a damaged file ends the
process. Weights are plain arrays, and reading thousands of texts at once is faster besides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from backend.learning.learned.words import AFTER, AROUND, BEFORE, features_of

MOST_STEPS = 75
# A little of the first sets most weights to 0, which keeps the stored model small.
L1, L2 = 0.02, 0.1
BLOCK_WORDS = 8192

Words = Sequence[str]


@dataclass(frozen=True)
class Reading:
    """What a model reads in one text.

    Attributes
    ----------
    tags : the likeliest sequence, a place in the model's tags for each word; shape (n_words,)
    sure : how likely each of these tags is, by itself; shape (n_words,)
    probability : of the whole sequence
    """

    tags: np.ndarray
    sure: np.ndarray
    probability: float


@dataclass(frozen=True)
class ConditionalRandomField:
    """A fitted model.

    Parameters
    ----------
    tags : what a word can be
    rows : for each feature its row in `weights`
    weights : array of shape (n_features, n_tags)
    transitions : array of shape (n_tags, n_tags), from a tag (row) to the next word's

    References
    ----------
    Lafferty, McCallum and Pereira, Conditional random fields, ICML 2001. Okazaki, CRFsuite, 2007.
    """

    tags: tuple[str, ...]
    rows: Mapping[str, int]
    weights: np.ndarray
    transitions: np.ndarray

    @classmethod
    def fitted(cls, texts: Sequence[Words], tags: Sequence[Sequence[str]]) -> Self:
        """Return the model that is learned from texts with a tag for each word."""
        import pycrfsuite  # where there is something to learn, not where a web process starts

        trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        trainer.set_params({"c1": L1, "c2": L2, "max_iterations": MOST_STEPS})
        # Also transitions that never occurred: else they would weigh 0 and not "unlikely".
        trainer.set("feature.possible_transitions", True)
        for words, of_words in zip(texts, tags, strict=True):
            if len(words):
                trainer.append([*_described(words)], [*of_words])
        with tempfile.TemporaryDirectory(prefix="clean-al-") as folder:
            path = str(Path(folder) / "model")
            trainer.train(path)
            tagger = pycrfsuite.Tagger()
            tagger.open(path)
            info = tagger.info()
            tagger.close()
        return cls._of(info.state_features, info.transitions)

    @classmethod
    def _of(
        cls, states: Mapping[tuple[str, str], float], transitions: Mapping[tuple[str, str], float]
    ) -> Self:
        # Sorted: a set's own order changes from process to process, and with it the stored file.
        tags = tuple(sorted({tag for _, tag in states} | {tag for pair in transitions for tag in pair}))
        place = {tag: i for i, tag in enumerate(tags)}
        rows = {name: i for i, name in enumerate(sorted({name for name, _ in states}))}
        weights = np.zeros((len(rows), len(tags)), dtype=np.float32)
        for (name, tag), weight in states.items():
            weights[rows[name], place[tag]] = weight
        between = np.zeros((len(tags), len(tags)), dtype=np.float32)
        for (one, other), weight in transitions.items():
            between[place[one], place[other]] = weight
        return cls(tags, rows, weights, between)

    def read(self, texts: Sequence[Words]) -> list[Reading]:
        """Return what stands in each text."""
        # The edges of a text come first, at fixed numbers: `_scores` fills its grid with them.
        known: dict[str, int] = {BEFORE: 0, AFTER: 1}
        numbered = [np.array([known.setdefault(w, len(known)) for w in words], np.int64) for words in texts]
        shares = [self._shares(known, away) for away in AROUND]
        readings = [Reading(np.empty(0, np.intp), np.empty(0), 1.0)] * len(texts)
        for some in _blocks([len(words) for words in numbered]):
            for i, reading in zip(some, self._block([numbered[i] for i in some], shares), strict=True):
                readings[i] = reading
        return readings

    def _shares(self, known: Mapping[str, int], away: int) -> np.ndarray:
        """Return what each known word adds to the scores of the one that it stands away from.

        A feature is of one word at one distance, so this is added up once however often a word occurs.
        """
        found = [[self.rows[name] for name in features_of(w, away) if name in self.rows] for w in known]
        ends = np.cumsum([0, *map(len, found)])
        rows = np.fromiter((row for each in found for row in each), dtype=np.int64, count=int(ends[-1]))
        ones = np.ones(len(rows), dtype=np.float32)
        return sparse.csr_matrix((ones, rows, ends), shape=(len(known), len(self.rows))) @ self.weights

    def _block(self, texts: Sequence[np.ndarray], shares: Sequence[np.ndarray]) -> Iterator[Reading]:
        lengths = np.array([len(words) for words in texts])
        scores = _scores(texts, lengths.max(), shares)
        forward, backward = self._sums(scores, lengths)
        whole = _log_sum(forward[np.arange(len(texts)), lengths - 1], axis=1)
        tags = self._likeliest(scores, lengths)
        for i, n in enumerate(lengths):
            path, steps = tags[i, :n], np.arange(n)
            sure = np.exp(forward[i, steps, path] + backward[i, steps, path] - whole[i])
            score = scores[i, steps, path].sum() + self.transitions[path[:-1], path[1:]].sum()
            yield Reading(path, np.clip(sure, 0, 1), float(np.exp(min(score - whole[i], 0))))

    def _sums(self, scores: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logs of the forward and backward sums."""
        forward, backward = scores.copy(), np.zeros_like(scores)
        for t in range(1, scores.shape[1]):
            forward[:, t] += _log_sum(forward[:, t - 1, :, None] + self.transitions, axis=1)
        for t in range(scores.shape[1] - 2, -1, -1):
            ahead = (scores[:, t + 1] + backward[:, t + 1])[:, None, :] + self.transitions
            inside = (t + 1 < lengths)[:, None]
            backward[:, t] = np.where(inside, _log_sum(ahead, axis=2), 0)
        return forward, backward

    def _likeliest(self, scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return the likeliest tags of each text, by Viterbi's algorithm."""
        n, most, _ = scores.shape
        best, back = scores[:, 0], np.zeros(scores.shape, dtype=np.intp)
        ends = best.copy()
        for t in range(1, most):
            steps = best[:, :, None] + self.transitions
            back[:, t] = steps.argmax(axis=1)
            best = steps.max(axis=1) + scores[:, t]
            ends[lengths == t + 1] = best[lengths == t + 1]
        tags = np.zeros((n, most), dtype=np.intp)
        tags[np.arange(n), lengths - 1] = ends.argmax(axis=1)
        for t in range(most - 1, 0, -1):
            before = back[np.arange(n), t, tags[:, t]]
            tags[:, t - 1] = np.where(t < lengths, before, tags[:, t - 1])
        return tags


def _described(words: Words) -> Iterator[list[str]]:
    edge = max(AROUND)
    padded = (*(BEFORE,) * edge, *words, *(AFTER,) * edge)
    for i in range(edge, len(padded) - edge):
        yield [name for away in AROUND for name in features_of(padded[i + away], away)]


def _blocks(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield places of texts of like length, so many that they fill a block as long as the longest."""
    some: list[int] = []
    for i in sorted((i for i, n in enumerate(lengths) if n), key=lambda i: lengths[i]):
        if some and (len(some) + 1) * lengths[i] > BLOCK_WORDS:
            yield some
            some = []
        some.append(i)
    if some:
        yield some


def _scores(texts: Sequence[np.ndarray], most: int, shares: Sequence[np.ndarray]) -> np.ndarray:
    """Return each word's score for each tag; shape (n_texts, most, n_tags)."""
    edge = max(AROUND)
    grid = np.ones((len(texts), most + 2 * edge), dtype=np.int64)
    grid[:, :edge] = 0
    for row, words in zip(grid, texts, strict=True):
        row[edge : edge + len(words)] = words
    parts = (of[grid[:, edge + away :][:, :most]] for away, of in zip(AROUND, shares, strict=True))
    return sum(parts, start=np.zeros(1)).astype(np.float64)


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """Return log(sum(exp(values))); scipy's own takes several times as long on small arrays."""
    most = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - most).sum(axis=axis)) + most.squeeze(axis)
