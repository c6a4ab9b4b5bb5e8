"""The simulated annotators: one takes what the loop has put first, its twin gets random tasks.

Both work through Label Studio's own API as users of their own, both know the true labels, and neither skips
or errs. After each batch the first one waits for the round that has seen it: a person needs longer for a
batch than a round takes. The twin's project is not connected; Label Studio itself draws its tasks ("Uniform
sampling"), and its labels train the same classifier on the same features.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from backend.demo.board import Board
from backend.demo.projects import ProjectPair
from backend.demo.simulation import BUDGET, LabeledPool, next_stop
from backend.errors import BackendError
from backend.label_studio.client import LabelStudio
from backend.learning.answers import Guess
from backend.project.overview import project_status
from backend.store.models import ModelStore, Published
from backend.store.progress import ProgressFile

ROUND_WITHIN = 180.0
SHOWN_NEXT = 5


class LoopAnnotator:
    """Labels a connected project in the order in which Label Studio serves it.

    Parameters
    ----------
    label_studio : as the annotator
    store : MODEL_DIR, to see when a round has ended and to measure the very models that it published
    check : called while waiting; raises when there is no point in it
    """

    def __init__(
        self,
        label_studio: LabelStudio,
        store: ModelStore,
        pair: ProjectPair,
        pool: LabeledPool,
        board: Board,
        check: Callable[[], None],
    ):
        self._label_studio, self._store, self._pair, self._pool = label_studio, store, pair, pool
        self._board, self._check = board, check

    def run(self) -> None:
        """Label up to the budget; after each batch wait for the round and measure its model."""
        n = 0
        # The order that stands before any label is a round's as well.
        self._measure(self._await_round(n), n)
        while n < BUDGET:
            stop = next_stop(n, self._pool.options.batch_size)
            for _ in range(stop - n):
                annotate_next(self._label_studio, self._pair.loop, self._pair.loop_rows, self._pool)
            n = stop
            self._measure(self._await_round(n), n)

    def _await_round(self, n_labels: int) -> Published:
        """Return what is served once a round has seen so many labels."""
        project, ends = self._pair.loop, time.monotonic() + ROUND_WITHIN
        progress = ProgressFile(self._store.folder(project))
        while time.monotonic() < ends:
            published = self._store.published(project)
            if published is not None and progress.read().report.get("labels") == n_labels:
                return published
            # A server that has died would otherwise be waited for until the time is up.
            self._check()
            time.sleep(0.1)
        problem = project_status(self._store, project).problem or "see the log of clean-al serve"
        raise BackendError(f"project {project}: no round within {ROUND_WITHIN:g} s: {problem}")

    def _measure(self, published: Published, n_labels: int) -> None:
        project = self._pair.loop
        rounds = len(ProgressFile(self._store.folder(project)).history())
        model = self._store.load(project, published.version) if published.has_model else None
        # Through the model's own reader: each round may have another one.
        accuracy = self._pool.accuracy(model) if model is not None else None
        coming = published.head[:SHOWN_NEXT]
        self._board.loop_round(self._pair.dataset.name, rounds, n_labels, accuracy, coming)


class RandomAnnotator:
    """Labels the twin project in the random order in which Label Studio serves it."""

    def __init__(self, label_studio: LabelStudio, pair: ProjectPair, pool: LabeledPool, board: Board):
        self._label_studio, self._pair, self._pool, self._board = label_studio, pair, pool, board

    def run(self) -> None:
        """Label up to the budget; after each batch train on what is labeled, and measure."""
        rows: list[int] = []
        while len(rows) < BUDGET:
            stop = next_stop(len(rows), self._pool.options.batch_size)
            while len(rows) < stop:
                rows.append(
                    annotate_next(self._label_studio, self._pair.twin, self._pair.twin_rows, self._pool)
                )
            _, model, _ = self._pool.fit(np.array(rows))
            self._board.random_batch(self._pair.dataset.name, len(rows), self._pool.accuracy(model))


def annotate_next(label_studio: LabelStudio, project: int, rows: dict[int, int], pool: LabeledPool) -> int:
    """Give the task that Label Studio serves next its true label; return its row in the pool."""
    task = label_studio.next_task(project)
    if task is None:
        raise BackendError(f"project {project}: Label Studio has no task left")
    row = rows[task["id"]]
    (result,) = pool.control.result_for(Guess(pool.truth[row], 1.0))
    del result["score"]  # a model's, not a person's
    label_studio.annotate(task["id"], [result])
    return row
