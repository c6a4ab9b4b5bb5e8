"""How many labels each strategy needs, against random sampling, on real data.

    python -m benchmarks.label_efficiency --sets digits sms_spam banking77 --seeds 10

Every seed splits the data anew (banking77 keeps its official test set), every strategy starts from no label
at all, the learner is logistic regression (C = 1; for texts C = 10). Strategies of scikit-activeml run beside
ours on the same splits, where its environment (.venv-peers) is there. Curves go to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn import datasets
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, normalize

from clean_al import StrategyComparison, TextRepresentation, compare_strategies
from clean_al.learners import SparseLogisticRegression

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "label_efficiency.json"
SHARED = Path(os.environ.get("CLEAN_AL_SHARED", Path(__file__).parents[2] / "shared"))
STRATEGIES = ("auto", "uncertainty", "random")
# The hybrid of margin and diversity, the default when these curves were first drawn.
BEFORE = "auto before"
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PEER = "scikit-activeml "
PEERS = ("margin", "badge", "clue", "falcun", "coreset", "typiclust")
# Minutes for each batch, or an array of rows x classes x features.
TOO_SLOW = {"sms_spam": ("badge",), "banking77": ("badge", "typiclust")}
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


def docstrings(seed: int) -> Split:
    """Docstrings of the standard library by package, as `TextRepresentation`."""
    from backend.demo.datasets import docstrings as load

    data = load()
    train, test = train_test_split(
        np.arange(len(data)), test_size=0.3, random_state=seed, stratify=data.truth
    )
    A, B, E = features_of([data.values[i] for i in train], [data.values[i] for i in test], "both")
    return A, data.truth[train], B, data.truth[test], E


def noisy(seed: int) -> Split:
    """Five Gaussian classes of several clusters, a tenth of the labels wrong, another draw for each seed."""
    X, y = datasets.make_classification(
        3000, 20, n_informative=8, n_classes=5, flip_y=0.1, class_sep=1.2, random_state=seed
    )
    a, b, ya, yb = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)
    return a, ya, b, yb, None


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
    "docstrings": (docstrings, 300, 20, 10.0),
    "noisy": (noisy, 300, 20, 1.0),
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


def with_peers(name: str, comparison: StrategyComparison, seeds: int) -> StrategyComparison:
    """The comparison with the curves of scikit-activeml's strategies on the same splits."""
    split, budget, batch, c = SETS[name]
    wanted = [peer for peer in PEERS if peer not in TOO_SLOW.get(name, ())]
    found: dict[str, list[list[float]]] = {}
    jobs = (
        delayed(_peer_curves)(split(seed), batch, budget // batch, c, seed, wanted) for seed in range(seeds)
    )
    for curves in Parallel(n_jobs=2, return_as="generator")(jobs):
        for peer, curve in curves.items():
            if isinstance(curve, str):
                print(f"{PEER}{peer}: {curve}")
            else:
                found.setdefault(PEER + peer, []).append(curve)
    whole = {peer: np.array(curves) for peer, curves in found.items() if len(curves) == seeds}
    return StrategyComparison(comparison.n_labels, {**comparison.accuracy, **whole}, comparison.full_accuracy)


def _peer_curves(
    split: Split, batch: int, n_batches: int, c: float, seed: int, wanted: list[str]
) -> dict[str, Any]:
    """Curves by strategy from a process of the peers' environment; it takes no sparse features."""
    X, y, X_test, y_test, E = split
    numbers = {label: i for i, label in enumerate(np.unique(y))}
    arrays = {
        "X": X.toarray() if sparse.issparse(X) else X,
        "X_test": X_test.toarray() if sparse.issparse(X_test) else X_test,
        "y": np.array([numbers[label] for label in y], float),
        "y_test": np.array([numbers[label] for label in y_test], float),
    }
    if E is not None:
        arrays["E"] = E
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.npz"
        np.savez(path, **arrays)
        command = [
            PEER_PYTHON,
            "-m",
            "benchmarks.label_efficiency_peers",
            path,
            batch,
            n_batches,
            c,
            seed,
            *wanted,
        ]
        done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the peers' process failed: {done.stderr.strip()[-300:]}")
    curves: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return curves


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
    parser.add_argument("--no-peers", action="store_true", help="leave scikit-activeml out")
    parser.add_argument("--no-save", action="store_true")
    given = parser.parse_args(arguments)
    for name in given.sets:
        start = time.perf_counter()
        comparison = run(name, tuple(given.strategies), given.seeds)
        if PEER_PYTHON.exists() and not given.no_peers:
            comparison = with_peers(name, comparison, given.seeds)
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
        "![Learning curves](label_efficiency.png)",
        "",
        "Mean test accuracy over the seeds, bands of one standard deviation. Shown: the default, plain",
        "margin, random, and the strategy of scikit-activeml with the largest area on that set.",
        "",
        "Area under the learning curve against random sampling, in points of accuracy, and labels to 95 % of",
        'full accuracy as a ratio to random ("<=": random did not get there in every run).',
        f"`{BEFORE}` is the default of before, the hybrid of margin and diversity; where it stands alone,",
        "`auto` was not measured anew.",
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


def plots(result: dict[str, Any], folder: Path) -> None:
    """Draw the kept learning curves, a panel for each set."""
    from matplotlib.figure import Figure

    rows = -(-len(result) // 2)
    figure = Figure(figsize=(11, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes in panels[len(result) :]:
        axes.set_visible(False)
    for axes, (name, one) in zip(panels, result.items(), strict=False):
        axes.set_title(f"{name}, {one['seeds']} seeds", fontsize=10)
        for strategy in _shown(one["summary"]):
            curves = np.array(one["accuracy"][strategy])
            mean, spread = curves.mean(axis=0), curves.std(axis=0)
            (line,) = axes.plot(one["n_labels"], mean, "--" if strategy == "random" else "-", label=strategy)
            axes.fill_between(
                one["n_labels"], mean - spread, mean + spread, color=line.get_color(), alpha=0.12
            )
        axes.axhline(one["full_accuracy"], color="gray", linewidth=1, linestyle=":")
        axes.set(xlabel="labels", ylabel="test accuracy")
        axes.legend(fontsize=8, loc="lower right")
    # Without the version of matplotlib inside, the same figures give the same file.
    figure.savefig(folder / "label_efficiency.png", dpi=80, metadata={"Software": None})


def _shown(summary: dict[str, Any]) -> list[str]:
    peers = [name for name in summary if name.startswith(PEER)]
    best = sorted(peers, key=lambda name: -summary[name]["area"])[:1]
    return [name for name in ("auto", BEFORE, "uncertainty", *best, "random") if name in summary]


def _ratio(row: dict[str, Any]) -> str:
    if row["labels_ratio"] is None:
        return "not reached"
    return ("<= " if row["ratio_is_upper_bound"] else "") + f"{row['labels_ratio']:.2f}"


if __name__ == "__main__":
    main()
