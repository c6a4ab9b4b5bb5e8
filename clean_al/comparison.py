"""Which strategy suits these data? Simulated labeling of a set whose labels are known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from clean_al.base import BaseSampler
from clean_al.committee import Committee
from clean_al.curves import BASELINE, StrategyComparison
from clean_al.fitting import TooFewLabels, fitted, predicted
from clean_al.learners import make_learner
from clean_al.sampler import IntelligentSampler
from clean_al.text import TextRepresentation
from clean_al.validation import (
    check_count,
    check_embedding,
    check_labels,
    check_number,
    checked_rows,
    rows_of,
)

DEFAULT_STRATEGIES = ("auto", "uncertainty", "diversity", "hybrid", "random")
# csv takes a C long, which has 32 bits on Windows: sys.maxsize would be refused there.
LONGEST_FIELD = 2**31 - 1
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Task:
    """A pool with known labels, and a test set."""

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    embedding: np.ndarray | None


def compare_strategies(
    X_train: Any,
    y_train: Any,
    X_test: Any,
    y_test: Any,
    strategies: Sequence[str] | Mapping[str, BaseSampler] = DEFAULT_STRATEGIES,
    n_iterations: int = 10,
    samples_per_iteration: int = 50,
    *,
    n_seeds: int = 5,
    n_initial: int = 0,
    estimator: Any = None,
    embedding: Any = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> StrategyComparison:
    """Let every strategy label the training set batch by batch, and measure its models on the test set.

    Parameters
    ----------
    X_train, y_train : the pool, shape (n, n_features), and its true labels
    X_test, y_test : held-out data
    strategies : names of `clean_al.STRATEGIES`, or a dict of names to unfitted samplers
    n_iterations, samples_per_iteration : number and size of batches; they must fit into the pool
    n_seeds : runs of every strategy; the spread between them is drawn and reported
    n_initial : labels drawn at random before the first batch, the same ones for all strategies; 0 lets every
        strategy make its own cold start
    estimator : as in `IntelligentSampler`
    embedding : array of shape (n, d), optional, for distances
    random_state : int, seed of seed 0; the others follow
    n_jobs : runs in parallel, through joblib
    progress : called with (runs done, runs in all)

    Raises
    ------
    ValueError
        Wrong shapes, unknown strategies, more batches than the pool holds.
    """
    task = _checked_task(X_train, y_train, X_test, y_test, embedding)
    samplers = _samplers(strategies, estimator)
    sizes = _sizes(n_iterations, samples_per_iteration, n_initial, len(task.y))
    seeds = range(random_state, random_state + check_count(n_seeds, "n_seeds"))
    runs = [(name, seed) for seed in seeds for name in samplers]
    jobs = (delayed(_run)(name, samplers[name], seed, task, sizes, estimator) for name, seed in runs)
    curves: dict[str, list[np.ndarray]] = {name: [] for name in samplers}
    for done, (name, curve) in enumerate(Parallel(n_jobs=n_jobs, return_as="generator")(jobs), 1):
        curves[name].append(curve)
        if progress:
            progress(done, len(runs))
    full = _accuracy(make_learner(estimator, random_state), task.X, task.y, task)
    shown = np.cumsum(sizes)[1 if n_initial == 0 else 0 :]
    return StrategyComparison(shown, {k: np.array(v) for k, v in curves.items()}, full)


def compare_csv(
    path: str | Path,
    *,
    text: str,
    label: str,
    strategies: Sequence[str] | None = None,
    n_labels: int = 300,
    samples_per_iteration: int = 20,
    n_seeds: int = 5,
    test_share: float = 0.3,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> StrategyComparison:
    """Compare strategies on a CSV file of labeled texts.

    The texts become a `TextRepresentation`, the learner is logistic regression, and a random share of the
    rows is held out for testing.

    Parameters
    ----------
    path : CSV file in UTF-8 with a header line
    text, label : names of its columns
    strategies : default auto, uncertainty, diversity and random
    n_labels : labels per run; no more than the file has for training, and whole batches only
    test_share : share of the rows held out, between 0.05 and 0.95
    progress : called with (runs done, runs in all)

    Raises
    ------
    ValueError
        If the file is not CSV in UTF-8, a column is missing, fewer than 20 rows have both, or the labels are
        all the same or nearly all different.
    """
    texts, labels = read_texts(Path(path), text, label)
    share = check_number(test_share, "test_share", low=0.05, high=0.95)
    train, test = _split(labels, share, random_state)
    representation = TextRepresentation(random_state=random_state)
    X = representation.fit_transform([texts[i] for i in train])
    budget = min(check_count(n_labels, "n_labels"), len(train))
    batch = min(check_count(samples_per_iteration, "samples_per_iteration"), budget)
    return compare_strategies(
        X,
        labels[train],
        representation.transform([texts[i] for i in test]),
        labels[test],
        strategies or ("auto", "uncertainty", "diversity", BASELINE),
        budget // batch,
        batch,
        n_seeds=n_seeds,
        estimator=representation.learner(pool=X),
        embedding=representation.embedding(X),
        random_state=random_state,
        n_jobs=n_jobs,
        progress=progress,
    )


def read_texts(path: Path, text: str, label: str) -> tuple[list[str], np.ndarray]:
    """Texts and labels of a CSV file; rows without a text or a label ("nan" is none either) are left out."""
    if text == label:
        raise ValueError(f"text and label are both {text!r}: they must be two columns")
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        texts, labels = _columns(path, text, label)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not UTF-8 ({error.reason}): save it in UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path.name} is no CSV file: {error}") from error
    finally:
        csv.field_size_limit(limit)
    n_classes = len(set(labels))
    if len(texts) < 20 or n_classes < 2:
        raise ValueError(
            f"{path.name} has {len(texts)} rows with text and label and {n_classes} different labels: "
            "at least 20 rows and 2 labels are needed"
        )
    if n_classes > len(labels) / 2:
        raise ValueError(
            f"column {label!r} of {path.name} has {n_classes} different labels in {len(labels)} rows: "
            "too few rows of each to learn from; is it the column of the labels?"
        )
    return texts, np.array(labels)


def _columns(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    """The two columns of the rows that have both."""
    texts, labels = [], []
    # Spreadsheets write a byte order mark, which would become part of the first column's name.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not rows.fieldnames:
            raise ValueError(f"{path.name} has no header line: its first line must name the columns")
        missing = [name for name in (text, label) if name not in rows.fieldnames]
        if missing:
            found = ", ".join(rows.fieldnames)
            raise ValueError(f"{path.name} has no column {missing[0]!r}; its columns are: {found}")
        for row in rows:
            # A row with fewer fields than the header has None for the rest.
            pair = [(row[name] or "").strip() for name in (text, label)]
            if all(value and value.lower() != "nan" for value in pair):
                texts.append(pair[0])
                labels.append(pair[1])
    return texts, labels


def _split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train and to test on; every label in both where it occurs often enough."""
    rows = np.arange(len(labels))
    often = np.unique(labels, return_counts=True)[1].min() >= 2
    n_classes = len(np.unique(labels))
    # scikit-learn refuses to stratify with a class of one, or with fewer rows on a side than classes.
    stratify = labels if often and min(share, 1 - share) * len(labels) >= n_classes else None
    train, test = train_test_split(rows, test_size=share, random_state=seed, stratify=stratify)
    return train, test


def _checked_task(X: Any, y: Any, X_test: Any, y_test: Any, embedding: Any) -> Task:
    X = checked_rows(X, "X_train", finite=embedding is None)
    X_test = checked_rows(X_test, "X_test", n_features=X.shape[1], finite=embedding is None)
    return Task(
        X,
        _one_each(check_labels(y, X.shape[0], "y_train"), "y_train"),
        X_test,
        _one_each(check_labels(y_test, X_test.shape[0], "y_test"), "y_test"),
        check_embedding(embedding, X.shape[0]),
    )


def _one_each(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.ndim > 1:
        raise ValueError(
            f"{name} has several labels per row: a comparison takes one each; compare a column at a time"
        )
    return labels


def _samplers(strategies: Any, estimator: Any) -> dict[str, BaseSampler]:
    if isinstance(strategies, str):
        strategies = [strategies]
    if not strategies:
        raise ValueError("strategies is empty: give at least one")
    if isinstance(strategies, Mapping):
        wrong = [name for name, sampler in strategies.items() if not isinstance(sampler, BaseSampler)]
        if wrong:
            raise TypeError(f"strategies[{wrong[0]!r}] must be a sampler such as IntelligentSampler()")
        return dict(strategies)
    samplers = {name: IntelligentSampler(name, estimator=estimator) for name in strategies}
    for sampler in samplers.values():
        sampler._check()
    return samplers


def _sizes(n_iterations: int, batch: int, n_initial: int, n_pool: int) -> np.ndarray:
    n = check_count(n_iterations, "n_iterations")
    batch = check_count(batch, "samples_per_iteration")
    start = check_count(n_initial, "n_initial", low=0, high=n_pool)
    if start + n * batch > n_pool:
        raise ValueError(
            f"n_iterations x samples_per_iteration + n_initial is {start + n * batch}, "
            f"but X_train has {n_pool} rows: lower one of them"
        )
    return np.array([start] + [batch] * n)


def _run(
    name: str, sampler: BaseSampler, seed: int, task: Task, sizes: np.ndarray, estimator: Any
) -> tuple[str, np.ndarray]:
    # clone copies the estimator too; the given object is put back, for `_judged_model` asks whether it is the
    # same.
    given = getattr(sampler, "estimator", None)
    sampler = clone(sampler).set_params(random_state=seed)
    if given is not None:
        sampler.set_params(estimator=given)
    open_rows = np.ones(len(task.y), bool)
    # From the seed alone: every strategy starts with the same labels, so that differences are paired.
    labeled = np.random.default_rng(seed).choice(len(task.y), int(sizes[0]), replace=False)
    curve = []
    for i, size in enumerate(sizes):
        if i > 0:
            left = np.flatnonzero(open_rows)
            some = None if task.embedding is None else task.embedding[left]
            labeled = np.append(
                labeled, left[sampler.select(rows_of(task.X, left), int(size), embedding=some)]
            )
        open_rows[labeled] = False
        if len(labeled):
            some = None if task.embedding is None else task.embedding[labeled]
            sampler.fit(rows_of(task.X, labeled), task.y[labeled], embedding=some)
            model = _judged_model(sampler, estimator, seed)
            curve.append(_accuracy(model, rows_of(task.X, labeled), task.y[labeled], task))
    return name, np.array(curve)


def _judged_model(sampler: BaseSampler, estimator: Any, seed: int) -> Any:
    """The sampler, which predicts by its model, where that is the estimator to judge by; else a new one."""
    model = getattr(sampler, "model_", None)
    own = isinstance(sampler, IntelligentSampler) and sampler.estimator is estimator
    # A committee predicts by five models: judging by it would credit the strategy with the ensemble.
    usable = own and model is not None and not isinstance(model, Committee)
    return sampler if usable else make_learner(estimator, seed)


def _accuracy(model: Any, X: Any, y: np.ndarray, task: Task) -> float:
    """Test accuracy of the model fitted on these labels; a single class predicts itself."""
    classes = np.unique(y)
    if len(classes) == 1:
        return float(np.mean(task.y_test == classes[0]))
    # A sampler comes with its model fitted on these very labels; only a new estimator has to be.
    if not hasattr(model, "classes_"):
        try:
            model = fitted(model, X, y)
        except TooFewLabels:
            return float(np.mean(task.y_test == _most_frequent(y)))
    return float(np.mean(predicted(model, task.X_test) == task.y_test))


def _most_frequent(y: np.ndarray) -> Any:
    classes, counts = np.unique(y, return_counts=True)
    return classes[counts.argmax()]
