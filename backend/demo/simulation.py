"""A project's loop without Label Studio: the same pipeline functions, a pool in memory, a perfect annotator.

It draws the band of the demo's curves, and it is what benchmarks/label_efficiency_loop.py measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import SecretStr

from backend.demo.datasets import Dataset
from backend.learning.answers import Guess
from backend.learning.beside import Encoded
from backend.learning.controls import learnable_controls
from backend.learning.inputs import InputSpec, Reader
from backend.learning.labels import Labels, ProjectLabels
from backend.learning.tasks import Tasks
from backend.learning.vectorize import Features
from backend.loop.encoding import with_rows
from backend.loop.learn import Lesson, learn
from backend.loop.options import ProjectOptions
from backend.loop.round import choose
from backend.loop.situation import Situation
from backend.settings import Settings
from backend.store.features import FeatureStore
from backend.store.models import Model

Curve = list[tuple[int, float]]
"""(number of labels, accuracy on the held-out items), from few labels to many."""

POOL_SHARE = 2 / 3
TARGET_SHARE = 0.95
BUDGET = 150
"""So many labels does the demo ask of each annotator."""


@dataclass(frozen=True)
class Split:
    """Which items of a data set become tasks, and which are never shown to the loop.

    Attributes
    ----------
    pool, held_out : arrays of int64, rows of the data set, ascending
    """

    pool: np.ndarray
    held_out: np.ndarray


def split(dataset: Dataset, seed: int, pool_size: int | None = None) -> Split:
    """Return a random split: two thirds are the pool, or `pool_size` items; the others are held out."""
    order = np.random.default_rng([seed, 0]).permutation(len(dataset))
    size = pool_size or round(POOL_SHARE * len(dataset))
    return Split(np.sort(order[:size]), np.sort(order[size:]))


def random_order(n: int, seed: int) -> np.ndarray:
    """Return the order in which the twin labels: rows 0 to n - 1, shuffled."""
    # A stream of its own, beside that of the split: the same shuffle would follow the pool's own order.
    return np.random.default_rng([seed, 1]).permutation(n)


class LabeledPool:
    """A project's pool and held-out items as the loop would see them, with the true labels beside.

    Task ids are 1 to n_pool, in the order of the pool.

    Parameters
    ----------
    options : ProjectOptions, optional
        As a project's extra params would give them.
    encoded : array of shape (n_items, dimension), optional
        What a pretrained encoder says of the data set's items: as in the loop, it stands beside the features.
    """

    def __init__(
        self,
        dataset: Dataset,
        parts: Split,
        seed: int,
        options: ProjectOptions | None = None,
        encoded: np.ndarray | None = None,
    ):
        self.options = (options or ProjectOptions()).for_tasks(len(parts.pool))
        self.settings = simulation_settings(seed)
        self.label_config = dataset.label_config
        (self.control,) = learnable_controls(dataset.label_config)
        # Of the pool alone: whoever labels here has no way to see what is held out.
        self.truth = dataset.truth[parts.pool]
        self.held_truth = dataset.truth[parts.held_out]
        self._field, inputs = dataset.field, (InputSpec(dataset.kind, (dataset.field,)),)
        ids = np.arange(1, len(parts.pool) + 1, dtype=np.int64)
        self._values = values = [dataset.values[i] for i in parts.pool]
        # The loop's own store, so that features are those of a round; its files are of no use afterwards.
        with TemporaryDirectory() as folder:
            self._pool = FeatureStore(Path(folder)).refresh(
                inputs, ids, np.ones_like(ids), lambda wanted: [[values[i - 1] for i in wanted]], seed
            )
        self.held_values = [dataset.values[i] for i in parts.held_out]
        self._encoded = None if encoded is None else encoded[parts.pool]
        self._held_encoded = None if encoded is None else encoded[parts.held_out]
        self._held_today = self._pool.reader.transform([self.held_values])

    def __len__(self) -> int:
        return len(self.truth)

    def held_features(self, reader: Reader) -> Features:
        """Return the held-out items' features as a model's reader would read them."""
        same = reader.vectorizers is self._pool.reader.vectorizers
        features = self._held_today if same else reader.transform([self.held_values])
        for block in reader.beside:
            features = block.join(features, self._held_encoded)
        return features

    def situation(self, rows: np.ndarray) -> Situation:
        """Return the project as a round sees it once the tasks at these rows of the pool are labeled."""
        ids, rows = self._pool.task_ids, np.sort(rows)
        labels = ProjectLabels((Labels(self.control, ids[rows], tuple(self.truth[rows].tolist())),))
        # One annotator per task: what is labeled is closed.
        is_open = np.ones(len(ids), dtype=bool)
        is_open[rows] = False
        project, pool = {"id": 0, "label_config": self.label_config}, self._pool
        if self._encoded is not None:
            kind = pool.reader.inputs[0].kind
            pool = with_rows(pool, Encoded(kind, "simulated", (0,)), self._encoded, labels)
        return Situation(project, self.options, pool, labels, ids[is_open], self._data)

    def _data(self, ids: np.ndarray) -> list[dict[str, Any]]:
        return [{self._field: self._values[i - 1]} for i in ids]

    def fit(self, rows: np.ndarray) -> tuple[Lesson, Model | None, Situation]:
        """Return what a round learns and the model that a round makes of these labels, and what it saw."""
        situation = self.situation(rows)
        return *learn(situation, self.settings, "simulated"), situation

    def accuracy(self, model: Model | None) -> float:
        """Return the share of held-out items that a model labels rightly; without one, of the first label."""
        if model is None:
            # What a constant guess gets right, so that both curves begin at the same height.
            return float((self.held_truth == self.control.offered[0]).mean())
        tasks = Tasks.of([], self.held_features(model.reader))
        guesses: list[Guess] = model.guesses_of(tasks)[self.control.name]
        return float(
            np.mean([guess.answer == truth for guess, truth in zip(guesses, self.held_truth, strict=True)])
        )

    def full_data_accuracy(self) -> float:
        """Return the held-out accuracy once every task of the pool is labeled."""
        return self.accuracy(self.fit(np.arange(len(self)))[1])


def simulation_settings(seed: int) -> Settings:
    """Return the loop's default settings with another seed; nothing is read from the environment."""
    defaults = {name: field.default for name, field in Settings.model_fields.items() if name not in ("seed",)}
    return Settings.model_construct(**defaults | {"seed": seed, "label_studio_api_key": SecretStr("")})


def next_stop(n_labels: int, batch_size: int) -> int:
    """Return after how many labels the next round follows: full batches, and one stop at the budget."""
    after = n_labels + batch_size
    return BUDGET if n_labels < BUDGET < after else after


def loop_rounds(pool: LabeledPool) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the labeled rows and the held-out accuracy after each round of the loop, until all is labeled.

    An annotator labels one batch (`batch_size` tasks from the front of the queue head, audit places
    included), then the next round follows. That is a person whose batch takes
    longer than a round.
    """
    rows = np.empty(0, dtype=np.int64)
    while True:
        lesson, model, situation = pool.fit(rows)
        yield rows, pool.accuracy(model)
        if len(rows) == len(pool):
            return
        head = choose(lesson, situation, pool.settings.seed)
        n_served = next_stop(len(rows), pool.options.batch_size) - len(rows)
        # Task ids begin at 1, rows at 0.
        rows = np.concatenate([rows, situation.candidates[head.rows][:n_served] - 1])


def random_rounds(pool: LabeledPool) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the same for an annotator who takes the tasks in random order."""
    order, n = random_order(len(pool), pool.settings.seed), 0
    while True:
        yield order[:n], pool.accuracy(pool.fit(order[:n])[1])
        if n == len(pool):
            return
        n = min(len(pool), next_stop(n, pool.options.batch_size))


def curve_of(rounds: Iterable[tuple[np.ndarray, float]], target: float, most: int) -> Curve:
    """Return the curve up to the budget, and on until it reaches an accuracy or has `most` labels."""
    curve: Curve = []
    for rows, accuracy in rounds:
        # Without labels both arms give the same constant guess: no point of a curve.
        if len(rows):
            curve.append((len(rows), accuracy))
        if len(rows) >= most or (len(rows) >= BUDGET and accuracy >= target):
            break
    return curve


def labels_to_reach(curve: Curve, accuracy: float) -> float | None:
    """Return how many labels first reach an accuracy, by straight lines; None if never."""
    before = (0, 0.0)
    for labels, reached in curve:
        if reached >= accuracy:
            share = (accuracy - before[1]) / (reached - before[1])
            return before[0] + share * (labels - before[0])
        before = (labels, reached)
    return None


def accuracy_at(curve: Curve, labels: int) -> float:
    """Return the accuracy with so many labels, between two points by a straight line."""
    numbers, accuracies = np.array(curve).T
    return float(np.interp(labels, numbers, accuracies))


@dataclass(frozen=True)
class Comparison:
    """The loop and random order on one data set with one seed.

    Attributes
    ----------
    full : held-out accuracy with every task of the pool labeled
    loop, random : the curves
    plain : that of random order without the encoder that the other two have; empty where they have none
    """

    dataset: str
    seed: int
    full: float
    loop: Curve
    random: Curve
    plain: Curve = field(default_factory=list)

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Comparison:
        """Return what `dataclasses.asdict` has made and JSON has carried."""
        curves = {name: [(n, a) for n, a in stored.get(name, [])] for name in ("loop", "random", "plain")}
        return Comparison(**stored | curves)

    @property
    def target(self) -> float:
        """The accuracy to reach: 95 % of what the full data gives."""
        return TARGET_SHARE * self.full

    @property
    def saving(self) -> float | None:
        """The loop's labels to the target as a share of random's; None where one of them got there never."""
        return self._share_of(self.random)

    @property
    def saving_with_encoder(self) -> float | None:
        """The same as a share of what random order takes without the encoder; None where there is none."""
        return self._share_of(self.plain)

    def _share_of(self, other: Curve) -> float | None:
        loop, needed = (labels_to_reach(c, self.target) for c in (self.loop, other))
        return None if loop is None or needed is None else loop / needed


def compare(
    dataset: Dataset,
    seed: int,
    *,
    most: int = BUDGET,
    options: ProjectOptions | None = None,
    encoded: np.ndarray | None = None,
) -> Comparison:
    """Return the curves for one seed; split, vectorizer, sampler and random order all follow the seed.

    Parameters
    ----------
    encoded : what a pretrained encoder says of each item of the data set
    """
    parts = split(dataset, seed)
    pool = LabeledPool(dataset, parts, seed, options, encoded)
    full = pool.full_data_accuracy()
    target = TARGET_SHARE * full
    loop, random = (curve_of(rounds(pool), target, most) for rounds in (loop_rounds, random_rounds))
    plain: Curve = []
    if encoded is not None:
        plain = curve_of(random_rounds(LabeledPool(dataset, parts, seed, options)), target, most)
    return Comparison(dataset.name, seed, full, loop, random, plain)
