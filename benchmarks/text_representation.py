"""Which features of texts learn best from few labels and from many: TF-IDF, its sketch, or both side by side.

    python -m benchmarks.text_representation --seeds 10

Labels are drawn uniformly at random, the learner is logistic regression (C = 10); the test set is held out.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.label_efficiency import features_of, rows_of
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression

RESULT = Path(__file__).parent / "results" / "text_representation.json"
FEATURES = ("tfidf", "lsa", "both")
SIZES = {
    "sms_spam": (20, 50, 100, 300, 1000, 3000),
    "docstrings": (20, 50, 100, 300, 1000),
    "banking77": (100, 200, 500, 1000, 3000),
}


def texts_of(name: str) -> tuple[list[str], np.ndarray]:
    """Texts and labels of a set."""
    if name == "docstrings":
        from backend.demo.datasets import docstrings

        data = docstrings()
        return list(data.values), data.truth
    rows = rows_of(name)
    return [row["text"] for row in rows], np.array([row["label"] for row in rows])


def accuracies(name: str, seed: int) -> dict[str, list[float]]:
    """Test accuracy at every size, by features; all see the same labels."""
    words, y = texts_of(name)
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)
    order = np.random.default_rng(seed).permutation(len(train))
    plain = SparseLogisticRegression(C=10.0, max_iter=1000)
    learners = {"tfidf": plain, "lsa": plain, "both": SketchedLogisticRegression(100)}
    result = {}
    for features in FEATURES:
        A, B, _ = features_of([words[i] for i in train], [words[i] for i in test], features)
        curve = []
        for size in SIZES[name]:
            rows = order[:size]
            learner = learners[features]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # many classes and few labels
                model = learner.fit(A[rows], y[train][rows])
            curve.append(float(np.mean(model.predict(B) == y[test])))
        result[features] = curve
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the sets asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args(arguments)
    kept: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in given.sets:
        start = time.perf_counter()
        runs = [accuracies(name, seed) for seed in range(given.seeds)]
        curves = {features: np.array([run[features] for run in runs]) for features in FEATURES}
        kept[name] = {
            "seeds": given.seeds,
            "sizes": SIZES[name],
            "mean": {features: curve.mean(axis=0).round(4).tolist() for features, curve in curves.items()},
            "standard_error_to_best": _errors(curves),
        }
        print(f"{name} ({time.perf_counter() - start:.0f} s)\n{table({name: kept[name]})}", flush=True)
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _errors(curves: dict[str, np.ndarray]) -> list[float]:
    """Standard error, at every size, of the paired difference between both and the better of the others."""
    others = np.stack([curves["tfidf"], curves["lsa"]])
    best = others.mean(axis=1).argmax(axis=0)
    difference = curves["both"] - np.take_along_axis(others, best[None, None], axis=0)[0]
    errors: list[float] = (difference.std(axis=0, ddof=1) / np.sqrt(len(difference))).round(4).tolist()
    return errors


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    lines = [
        "Test accuracy by number of labels, drawn at random; TF-IDF, its 100-dimensional sketch, and",
        "`TextRepresentation` with its learner, which has both. Last: how far it is from the better of the",
        "two, in points, with the standard error of that difference.",
        "",
        "| set | seeds | labels | TF-IDF | sketch | both | both - better |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in result.items():
        for i, size in enumerate(one["sizes"]):
            a, b, both = (one["mean"][features][i] for features in FEATURES)
            error = one["standard_error_to_best"][i]
            lines.append(
                f"| {name} | {one['seeds']} | {size} | {a:.1%} | {b:.1%} | {both:.1%} "
                f"| {100 * (both - max(a, b)):+.1f} ± {100 * error:.1f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
