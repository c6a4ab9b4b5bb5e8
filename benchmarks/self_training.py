"""What self-training would teach the learner for texts at few labels: less than `neighborhoods` do.

    python -m benchmarks.self_training --seeds 3

As `few_labels`, with MiniLM beside the words. Of what the model says of unlabeled tasks the surer half of
each class, at most 500, is learned from again; all of these together weigh a tenth of the labels. Accuracy in
points above the learner without neighborhoods, which does not know unlabeled tasks (Lee, Pseudo-Label, 2013).
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.few_labels import ITEMS, POOL
from benchmarks.label_efficiency import rows_of
from clean_al import TextRepresentation, find_encoder
from clean_al.encoders import EncodedBlock
from clean_al.learners import SketchedLogisticRegression

RESULT = Path(__file__).parent / "results" / "self_training.json"
SETS = ("hedge", "sms_spam", "debian_sections", "banking77")
LABELS, MOST_GUESSED, WEIGHT = (20, 50, 100, 200), 500, 0.1


def self_trained(model: Any, X: Any, y: np.ndarray, unlabeled: Any, rng: np.random.Generator) -> Any:
    """The model fitted on labels, and again on these and the surer half of what it says of each class."""
    model.fit(X, y)
    p = model.predict_proba(unlabeled)
    said, sure = p.argmax(axis=1), p.max(axis=1)
    halves = [np.flatnonzero((said == k) & (sure >= np.median(sure[said == k]))) for k in np.unique(said)]
    chosen = rng.permutation(np.concatenate(halves))[:MOST_GUESSED]
    weight = np.append(np.ones(len(y)), np.full(len(chosen), WEIGHT * len(y) / len(chosen)))
    # The learner goes by how many rows it is given: guesses are no labels, and must not change that.
    model.FEW = model.FEW * len(weight) / len(y)
    both = np.append(y, model.classes_[said[chosen]])
    return model.fit(sparse.vstack([X, unlabeled[chosen]], format="csr"), both, weight)


def accuracies(name: str, seeds: int) -> dict[int, list[tuple[float, float]]]:
    """Test accuracy of the plain learner, and self-trained, by number of labels; a pair a seed."""
    rows = rows_of(name)
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))][:ITEMS]
    texts, y = [r["text"] for r in rows], np.array([r["label"] for r in rows])
    n_pool = min(POOL, 2 * len(rows) // 3)
    representation = TextRepresentation(random_state=0).fit(texts[:n_pool])
    X, n_sketch = representation.transform(texts), representation.learner().get_params()["n_sketch"]
    encoder = find_encoder("text", "package").encoder
    if encoder is not None:
        encoded = encoder.encode(texts)
        X = EncodedBlock().fit(X[:n_pool], encoded[:n_pool]).join(X, encoded)
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in LABELS}
    for n in LABELS:
        for seed in range(seeds):
            rng = np.random.default_rng([seed, n])
            order = rng.permutation(n_pool)
            chosen, others = order[:n], order[n:]
            plain = SketchedLogisticRegression(n_sketch, max_iter=500).fit(X[chosen], y[chosen])
            taught = SketchedLogisticRegression(n_sketch, max_iter=500)
            taught = self_trained(taught, X[chosen], y[chosen], X[others], rng)
            right = [float((m.predict(X[n_pool:]) == y[n_pool:]).mean()) for m in (plain, taught)]
            found[n].append((right[0], right[1]))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the sets and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message="The number of unique classes")
    kept: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in given.sets:
        kept[name] = {"seeds": given.seeds, "labels": {}}
        for n, pairs in accuracies(name, given.seeds).items():
            plain, taught = 100 * np.array(pairs).T
            gain = taught - plain
            error = float(gain.std(ddof=1) / len(gain) ** 0.5)
            figures = [round(float(x), 2) for x in (plain.mean(), gain.mean(), error)]
            kept[name]["labels"][str(n)] = figures
            print(name, n, figures, flush=True)
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    lines = [
        "Test accuracy of the learner for texts with MiniLM beside them, by random labels, and in",
        "points above it (standard error of the paired difference) when it learns again from the surer half",
        "of what it says of unlabeled texts, at a tenth of the labels' weight. The loop does not do this: it",
        "goes by neighborhoods, which gain more.",
        "",
        "| set | seeds | labels | learner | self-training |",
        "|---|---|---|---|---|",
    ]
    for name, one in result.items():
        for n, (plain, gain, error) in one["labels"].items():
            lines.append(f"| {name} | {one['seeds']} | {n} | {plain:.1f}% | {gain:+.1f} ± {error:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
