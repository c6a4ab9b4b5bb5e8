"""How many labels each strategy needs, against random sampling, on real data.

    python -m benchmarks.label_efficiency --sets digits sms_spam banking77 --seeds 10

Every seed splits the data anew (banking77 keeps its official test set), every strategy starts from no label
at all, the learner is logistic regression (C = 1; for texts C = 10). Curves go to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, normalize

from clean_al import StrategyComparison, TextRepresentation, compare_strategies
from clean_al.learners import SparseLogisticRegression

RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "label_efficiency.json"
SHARED = Path(os.environ.get("CLEAN_AL_SHARED", Path(__file__).parents[2] / "shared"))
STRATEGIES = ("auto", "uncertainty", "badge", "coreset", "random")
Split = tuple[Any, np.ndarray, Any, np.ndarray, Any]


def bundled(load: Callable[..., Any]) -> Callable[[int], Split]:
    """A set that comes with scikit-learn, columns scaled, 30 % held out."""

    def split(seed: int) -> Split:
        X, y = load(return_X_y=True)
        X = X / 16.0 if load is datasets.load_digits else StandardScaler().fit_transform(X)
        a, b, ya, yb = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        return a, ya, b, yb, None

    return split


def rows_of(name: str) -> list[dict[str, str]]:
    """Rows of a shared CSV file."""
    with (SHARED / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def texts(name: str, features: str) -> Callable[[int], Split]:
    """A text set as "tfidf", as "lsa" (its 100-dimensional sketch) or as "both" (`TextRepresentation`)."""

    def split(seed: int) -> Split:
        rows = rows_of(name)
        y = np.array([row["label"] for row in rows])
        if "split" in rows[0]:
            train = np.flatnonzero([row["split"] == "train" for row in rows])
            test = np.flatnonzero([row["split"] != "train" for row in rows])
        else:
            train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)
        words = [row["text"] for row in rows]
        A, B, E = features_of([words[i] for i in train], [words[i] for i in test], features)
        return A, y[train], B, y[test], E

    return split


def features_of(train: list[str], test: list[str], features: str) -> tuple[Any, Any, Any]:
    """Features of both, and the embedding of the first; nothing is learned from the test texts."""
    if features == "both":
        representation = TextRepresentation(random_state=0)
        A = representation.fit_transform(train)
        return A, representation.transform(test), representation.embedding(A)
    tfidf = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    A, B = tfidf.fit_transform(train), tfidf.transform(test)
    svd = TruncatedSVD(100, random_state=0).fit(A)
    E, F = normalize(svd.transform(A)), normalize(svd.transform(B))
    return (E, F, E) if features == "lsa" else (A, B, E)


# name: (how to split it by seed, labels in all, batch, C)
SETS: dict[str, tuple[Callable[[int], Split], int, int, float]] = {
    "digits": (bundled(datasets.load_digits), 300, 20, 1.0),
    "breast_cancer": (bundled(datasets.load_breast_cancer), 200, 10, 1.0),
    "wine": (bundled(datasets.load_wine), 60, 5, 1.0),
    "iris": (bundled(datasets.load_iris), 60, 5, 1.0),
    "sms_spam": (texts("sms_spam", "tfidf"), 300, 20, 10.0),
    "sms_spam_lsa": (texts("sms_spam", "lsa"), 300, 20, 10.0),
    "sms_spam_both": (texts("sms_spam", "both"), 300, 20, 10.0),
    "banking77": (texts("banking77", "lsa"), 500, 20, 10.0),
    "banking77_tfidf": (texts("banking77", "tfidf"), 1000, 50, 10.0),
    "banking77_both": (texts("banking77", "both"), 1000, 50, 10.0),
}


def run(name: str, strategies: tuple[str, ...], seeds: int) -> StrategyComparison:
    """Learning curves of one set, each seed on its own split."""
    split, budget, batch, c = SETS[name]
    estimator = SparseLogisticRegression(C=c, max_iter=2000)
    runs = []
    for seed in range(seeds):
        X, y, X_test, y_test, embedding = split(seed)
        runs.append(
            compare_strategies(
                X,
                y,
                X_test,
                y_test,
                list(strategies),
                budget // batch,
                batch,
                n_seeds=1,
                estimator=estimator,
                embedding=embedding,
                random_state=seed,
            )
        )
    accuracy = {s: np.vstack([r.accuracy[s] for r in runs]) for s in strategies}
    return StrategyComparison(runs[0].n_labels, accuracy, float(np.mean([r.full_accuracy for r in runs])))


def summary(comparison: StrategyComparison) -> dict[str, Any]:
    """The figures of the table, per strategy."""
    result = {}
    for name in comparison.accuracy:
        gain, error = comparison.gain(name)
        ratio, bound = comparison.label_ratio(name)
        result[name] = {
            "area": float(comparison.area(name).mean()),
            "gain": gain,
            "standard_error": error,
            "labels_ratio": None if np.isnan(ratio) else ratio,
            "ratio_is_upper_bound": bound,
        }
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the sets asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sets",
        nargs="+",
        default=["digits", "sms_spam", "banking77", "breast_cancer", "wine", "iris"],
        choices=sorted(SETS),
    )
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--plot", action="store_true", help="write a PNG beside the JSON")
    parser.add_argument("--no-save", action="store_true")
    given = parser.parse_args(arguments)
    for name in given.sets:
        start = time.perf_counter()
        comparison = run(name, tuple(given.strategies), given.seeds)
        print(f"\n{name} ({time.perf_counter() - start:.0f} s)\n{comparison.to_table()}")
        figures = summary(comparison)
        for strategy, row in figures.items():
            print(strategy, json.dumps(row))
        if not given.no_save:
            keep(name, {"seeds": given.seeds, "summary": figures, **comparison.to_dict()})
        if given.plot:
            comparison.plot_learning_curves(RESULTS / f"label_efficiency_{name}.png")


def keep(name: str, result: dict[str, Any]) -> None:
    """Put the result of one set beside those of others."""
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(kept | {name: result}) + "\n", encoding="utf-8")


def table(result: dict[str, Any]) -> str:
    """The kept results for the docs."""
    lines = [
        "Area under the learning curve against random sampling, in points of accuracy, and labels to 95 % of",
        'full accuracy as a ratio to random ("<=": random did not get there in every run).',
        "",
        "| set | seeds | full accuracy | strategy | gain | standard error | label ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in result.items():
        for strategy, row in one["summary"].items():
            if strategy != "random":
                lines.append(
                    f"| {name} | {one['seeds']} | {one['full_accuracy']:.1%} | {strategy} "
                    f"| {100 * row['gain']:+.1f} | {100 * row['standard_error']:.1f} | {_ratio(row)} |"
                )
    return "\n".join(lines)


def _ratio(row: dict[str, Any]) -> str:
    if row["labels_ratio"] is None:
        return "not reached"
    return ("<= " if row["ratio_is_upper_bound"] else "") + f"{row['labels_ratio']:.2f}"


if __name__ == "__main__":
    main()
