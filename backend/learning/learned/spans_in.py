"""Labeled spans of texts: a sequence model over words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from backend.learning.answers import Guess, Span
from backend.learning.learned.base import How, Learned
from backend.learning.learned.crf import ConditionalRandomField, Reading
from backend.learning.learned.words import words_of
from backend.learning.shown_text import Page, ShownText
from backend.learning.tasks import Tasks
from backend.learning.vectorize import State

OUTSIDE, BEGINS, GOES_ON = "O", "B-", "I-"
MOST_TAGS = 1000


class SpansIn(Learned):
    """Where labeled spans stand in a text.

    A task is in doubt as far as its least sure word is (least token probability); of tasks with the same
    least sure word, a batch holds one.

    Parameters
    ----------
    shown : how the object shows its text
    model : fitted; its tags say which words begin a span, go on with one, or are in none

    References
    ----------
    Liu, Tang et al., LTP: a new active learning strategy for CRF-based named entity recognition, 2020,
    arXiv 2001.02524. Ramshaw and Marcus, Text chunking using transformation-based learning, 1995.
    """

    KIND = "spans in a text"

    def __init__(self, shown: ShownText, model: ConditionalRandomField):
        self.shown, self.model = shown, model
        self._read_last: tuple[np.ndarray, list[Reading], list[list[str]]] | None = None

    @classmethod
    def learned(
        cls, tasks: Tasks, answers: Sequence[Sequence[Span]], how: How, shown: ShownText
    ) -> Self | str:
        """Return a model of the spans in these tasks, or why there cannot be one yet."""
        if len(answers) < how.min_labels:
            return f"{how.min_labels - len(answers)} more labels are needed (min_labels)"
        # A model of texts without a span would never guess one, and be sure of it.
        if not any(answers):
            return "nothing has been marked so far"
        texts, tags = [], []
        for data, spans in zip(tasks.data, answers, strict=True):
            page = shown.page(data)
            if page is not None:
                words = words_of(page.text)
                texts.append([page.text[start:end] for start, end in words])
                tags.append(tags_of(page, words, spans))
        if not any(tag != OUTSIDE for of_text in tags for tag in of_text):
            return "no marked span lies on a word of its text"
        return cls(shown, ConditionalRandomField.fitted(texts, tags))

    def guess(self, tasks: Tasks) -> list[Guess]:
        pages = [self.shown.page(data) for data in tasks.data]
        words = [words_of(page.text) if page else [] for page in pages]
        readings = self.model.read(_as_texts(pages, words))
        return [self._guess(*found) for found in zip(pages, words, readings, strict=True)]

    def doubt(self, tasks: Tasks) -> np.ndarray:
        """Return 1 minus the probability of the least sure word; 0 for tasks without one."""
        return np.array([1 - r.sure.min() if len(r.sure) else 0.0 for r in self._readings(tasks)[0]])

    def groups(self, tasks: Tasks) -> np.ndarray:
        readings, texts = self._readings(tasks)
        looks = [
            words[int(r.sure.argmin())].lower() if len(r.sure) else ""
            for r, words in zip(readings, texts, strict=True)
        ]
        return np.unique(np.array(looks, dtype=object).astype(str), return_inverse=True)[1]

    def state(self) -> State:
        model = self.model
        values = {
            "shown": [self.shown.kind, self.shown.value, self.shown.text_key],
            "tags": list(model.tags),
            "features": list(model.rows),
        }
        return values, {"weights": model.weights, "transitions": model.transitions}

    @classmethod
    def from_state(cls, state: State, estimators: Mapping[str, Any]) -> Self:
        values, arrays = state
        tags, rows = tuple(values["tags"]), {str(name): i for i, name in enumerate(values["features"])}
        weights, transitions = arrays["weights"], arrays["transitions"]
        square = (len(tags), len(tags))
        if weights.shape != (len(rows), len(tags)) or transitions.shape != square or len(tags) > MOST_TAGS:
            raise ValueError(f"weights of shape {weights.shape} for {len(rows)} features, {len(tags)} tags")
        return cls(ShownText(*values["shown"]), ConditionalRandomField(tags, rows, weights, transitions))

    def _guess(self, page: Page | None, words: Sequence[tuple[int, int]], reading: Reading) -> Guess:
        if page is None:
            return Guess((), 0.0)
        tags = [self.model.tags[tag] for tag in reading.tags]
        parts = []
        for first, last, label in runs_of(tags):
            places = page.place(words[first][0]), page.place(words[last][1])
            # As sure as its least sure word: one wrong word makes the span wrong.
            parts.append((Span(*places, label), float(reading.sure[first : last + 1].min())))
        return Guess(tuple(span for span, _ in parts), reading.probability, tuple(parts))

    def _readings(self, tasks: Tasks) -> tuple[list[Reading], list[list[str]]]:
        # Doubts and groups of the same tasks are asked for one after the other.
        last = self._read_last
        if last is None or not np.array_equal(last[0], tasks.ids):
            pages = [self.shown.page(data) for data in tasks.data]
            texts = _as_texts(pages, [words_of(page.text) if page else [] for page in pages])
            last = self._read_last = (tasks.ids, self.model.read(texts), texts)
        return last[1], last[2]


def tags_of(page: Page, words: Sequence[tuple[int, int]], spans: Sequence[Sequence[Any]]) -> list[str]:
    """Return the tag of each word; where spans overlap the longest counts, and one past the text none."""
    tags = [OUTSIDE] * len(words)
    placed = [(page.offset(start), page.offset(end), str(label)) for start, end, label in spans]
    inside = [(start, end, label) for start, end, label in placed if start is not None and end is not None]
    for start, end, label in sorted(inside, key=lambda span: span[0] - span[1]):
        # By overlap: annotators cut words in two, and half a word is meant as the whole of it.
        covered = [i for i, (first, last) in enumerate(words) if first < end and last > start]
        if covered and all(tags[i] == OUTSIDE for i in covered):
            tags[covered[0]] = BEGINS + label
            for i in covered[1:]:
                tags[i] = GOES_ON + label
    return tags


def runs_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (first word, last word, label) of each span that the tags make."""
    runs: list[tuple[int, int, str]] = []
    for i, tag in enumerate(tags):
        label = tag[len(BEGINS) :]
        # An I- behind another label, or behind nothing, begins a span: the model may say so, and it is no
        # error.
        goes_on = tag.startswith(GOES_ON) and bool(runs) and runs[-1][1:] == (i - 1, label)
        if goes_on:
            runs[-1] = (runs[-1][0], i, label)
        elif tag != OUTSIDE:
            runs.append((i, i, label))
    return runs


def _as_texts(pages: Sequence[Page | None], words: Sequence[Sequence[tuple[int, int]]]) -> list[list[str]]:
    return [
        [page.text[start:end] for start, end in of_page] if page else []
        for page, of_page in zip(pages, words, strict=True)
    ]
