"""What knowing how neighbors in the pool are alike brings the learner, at few labels and at many.

    python -m benchmarks.neighborhoods --sets sms_spam banking77 --seeds 3 --keep FOLDER

Random labels of a pool of at most 3,000; the loop's features with its pretrained encoder beside them.
Accuracy, log loss and calibration error on items that are in no pool, of `SketchedLogisticRegression` with
`Neighborhoods` of the pool, beside the same learner without. The rule's figures were chosen on CHOSEN_ON.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from backend.demo.datasets import docstrings
from benchmarks.strategy_choice_data import labeled_texts
from clean_al import TextRepresentation, find_encoder
from clean_al.encoders import EncodedBlock

RESULT = Path(__file__).parent / "results" / "neighborhoods.json"
CHOSEN_ON = ("docstrings", "hedge", "debian_sections")
SETS = (*CHOSEN_ON, "sms_spam", "debtags_role", "debtags_implemented", "banking77")
LABELS, ITEMS, POOL = (20, 50, 100, 200, 500, 1000, 2000), 4500, 3000
# A fit of 77 classes on 2,000 labels takes minutes.
MOST_CLASSES, MANY = 10, 1000
MEASURES = ("accuracy", "log loss", "calibration")


def texts_of(name: str) -> tuple[list[str], np.ndarray]:
    """Texts and labels of a set, in random order."""
    if name == "docstrings":
        data = docstrings()
        order = np.random.default_rng(0).permutation(len(data))
        return [data.values[i] for i in order], data.truth[order]
    texts, labels = zip(*labeled_texts(name)[:ITEMS], strict=True)
    return list(texts), np.array(labels)


def encoded(name: str, texts: list[str], keep: Path | None) -> np.ndarray | None:
    """The encoder's rows, kept in a folder between runs."""
    file = keep / f"{name}.npy" if keep else None
    if file is not None and file.exists():
        return np.asarray(np.load(file))[: len(texts)]
    encoder = find_encoder("text", "package").encoder
    rows = None if encoder is None else encoder.encode(texts)
    if file is not None and rows is not None:
        np.save(file, rows)
    return rows


def scores(model: Any, X: Any, y: np.ndarray) -> list[float]:
    """Accuracy, log loss (in nats) and expected calibration error (ten bins), all times 100."""
    p = model.predict_proba(X)
    right, sure = model.classes_[p.argmax(axis=1)] == y, p.max(axis=1)
    column = np.searchsorted(model.classes_, y).clip(max=len(model.classes_) - 1)
    of_true = np.where(model.classes_[column] == y, p[np.arange(len(y)), column], 0)
    bins = np.minimum((10 * sure).astype(int), 9)
    off = sum(abs((right[bins == b] - sure[bins == b]).sum()) for b in np.unique(bins)) / len(y)
    return [100 * float(v) for v in (right.mean(), -np.log(np.maximum(of_true, 1e-6)).mean(), off)]


def runs_of(name: str, seeds: int, keep: Path | None) -> dict[str, list[list[list[float]]]]:
    """Scores without and with neighborhoods by number of labels, a pair a seed."""
    texts, y = texts_of(name)
    n_pool = min(POOL, 2 * len(y) // 3)
    representation = TextRepresentation(random_state=0).fit(texts[:n_pool])
    X, rows = representation.transform(texts), encoded(name, texts, keep)
    if rows is not None:
        X = EncodedBlock().fit(X[:n_pool], rows[:n_pool]).join(X, rows)
    learners = [representation.learner(0), representation.learner(0, pool=X[:n_pool])]
    found: dict[str, list[list[list[float]]]] = {}
    for n in LABELS:
        if n > 0.8 * n_pool or (n > MANY and len(np.unique(y)) > MOST_CLASSES):
            continue
        for seed in range(seeds):
            chosen = np.random.default_rng([seed, n]).permutation(n_pool)[:n]
            fits = [learner.fit(X[chosen], y[chosen]) for learner in learners]
            pair = [scores(model, X[n_pool:], y[n_pool:]) for model in fits]
            found.setdefault(str(n), []).append(pair)
        print(name, n, np.mean(found[str(n)], axis=0).round(2).tolist(), flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the sets and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for the encoder's rows")
    given = parser.parse_args(arguments)
    # Of 77 classes twenty labels hold hardly any twice, which scikit-learn remarks on at every fit.
    warnings.filterwarnings("ignore", message="The number of unique classes")
    kept: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in given.sets:
        kept[name] = {n: _figures(pairs) for n, pairs in runs_of(name, given.seeds, given.keep).items()}
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _figures(pairs: list[list[list[float]]]) -> dict[str, Any]:
    """Means of the learner without, and what neighborhoods add, with standard errors of the difference."""
    before, after = np.moveaxis(np.array(pairs), 1, 0)
    gain = after - before
    error = gain.std(axis=0, ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0 * gain[0]
    table = {
        name: [round(float(v[i]), 2) for v in (before.mean(axis=0), gain.mean(axis=0), error)]
        for i, name in enumerate(MEASURES)
    }
    return {"seeds": len(gain)} | table


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    lines = [
        "Texts with MiniLM beside their words, random labels: the learner without neighborhoods, and what",
        "these add, with the standard error of the paired difference. Log loss in hundredths of a nat and",
        "calibration error in points are better when lower. The figures of the rule were chosen on",
        f"{', '.join(CHOSEN_ON)} and digits; the other sets were run afterwards.",
        "",
        "| set | labels | seeds | accuracy | gain | log loss | more | calibration error | more |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, by_labels in result.items():
        for n, one in by_labels.items():
            (a, a_gain, error), (loss, more, _), (off, off_more, _) = (one[m] for m in MEASURES)
            lines.append(
                f"| {name} | {n} | {one['seeds']} | {a:.1f}% | {a_gain:+.1f} ± {error:.1f} "
                f"| {loss:.0f} | {more:+.0f} | {off:.1f} | {off_more:+.1f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
