"""When the advice is to stop: how many of 500 labels that saves, and what it costs in accuracy.

    python -m benchmarks.stopping --sets digits sms_spam --seeds 2

Every seed runs one session of the default sampler, batches of 20. From 160 labels on, at every tenth more,
the rule of the loop is asked, with held-out guesses and calibration as it has them. Where it never says stop,
all labels are spent. The same on shuffled labels, on which it must never fire.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from backend.loop.insights.stop import FEWEST, is_luck, is_worth_nothing
from benchmarks.label_efficiency import SETS as SPLITS
from benchmarks.label_efficiency import texts
from clean_al import IntelligentSampler, LabelingSession
from clean_al.gain import expected_gain
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression

RESULT = Path(__file__).parent / "results" / "stopping.json"
BUDGET, BATCH, MOST_ROWS = 500, 20, 3000
# With the sketch in their first columns, as the loop has texts.
SKETCHED = {"hedge": texts("hedge", "both"), "docstrings": SPLITS["docstrings"][0]}
SETS = ("breast_cancer", "digits", "docstrings", "hedge", "noisy", "sms_spam")


def one_run(name: str, seed: int, *, shuffled: bool = False) -> dict[str, Any]:
    """Where the advice came, and the accuracy there and at the end."""
    split = SKETCHED.get(name) or SPLITS[name][0]
    X, y, X_test, y_test, embedding = split(seed)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(X.shape[0])[:MOST_ROWS]
    X, y, embedding = X[rows], y[rows], None if embedding is None else embedding[rows]
    if shuffled:
        y = rng.permutation(y)
    sampler = IntelligentSampler(estimator=_learner(name), random_state=seed)
    session = LabelingSession(sampler, X, embedding=embedding)
    budget = min(BUDGET, X.shape[0] - BATCH)
    stopped, next_look = None, FEWEST
    while session.n_labeled + BATCH <= budget:
        batch = session.get_next_batch(BATCH)
        session.submit_labels(batch, y[batch])
        if session.n_labeled >= next_look and stopped is None:
            next_look = 1.1 * session.n_labeled
            if says_stop(sampler, session, X):
                stopped = session.n_labeled, _accuracy(sampler, X_test, y_test)
    end = _accuracy(sampler, X_test, y_test)
    at, accuracy = stopped or (BUDGET, end)
    return {"stopped": stopped is not None, "labels": at, "accuracy": accuracy, "accuracy_at_end": end}


def says_stop(sampler: IntelligentSampler, session: LabelingSession, X: Any) -> bool:
    """What the loop's advice would be."""
    labeled, p = sampler.labeled_, sampler.held_out_probabilities()
    if p is None:
        return False
    right = int((labeled.classes[p.argmax(axis=1)] == labeled.y).sum())
    most = int(np.unique(labeled.y, return_counts=True)[1].max())
    gain = expected_gain(sampler.model_, labeled, X, calibration=session.estimated_accuracy.calibration)
    return gain is not None and not is_luck(right, len(labeled.y), most) and is_worth_nothing(gain)


def _learner(name: str) -> Any:
    if name in SKETCHED:
        return SketchedLogisticRegression(100, max_iter=500, random_state=0)
    return SparseLogisticRegression(C=SPLITS[name][3], max_iter=2000)


def _accuracy(sampler: IntelligentSampler, X: Any, y: np.ndarray) -> float:
    return float(np.mean(sampler.predict(X) == y))


def main(arguments: list[str] | None = None) -> None:
    """Run all sets and print where each run stopped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args(arguments)
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    sets = kept.get("sets", {}) if kept.get("seeds") == given.seeds else {}
    for name in given.sets:
        runs = [one_run(name, seed) for seed in range(given.seeds)]
        sets[name] = {"runs": runs, "shuffled": one_run(name, 0, shuffled=True)["stopped"]}
        print(name, json.dumps(sets[name]), flush=True)
        RESULT.write_text(json.dumps({"seeds": given.seeds, "sets": sets}, indent=1) + "\n")


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    runs = [run for row in result["sets"].values() for run in row["runs"]]
    saved = np.mean([1 - run["labels"] / BUDGET for run in runs])
    lost = [100 * (run["accuracy_at_end"] - run["accuracy"]) for run in runs]
    lines = [
        f"{len(runs)} runs: {saved:.0%} of {BUDGET} labels saved in the mean. Accuracy lost against the end,",
        f"in points: {np.mean(lost):.1f} in the mean, {max(lost):.1f} at most. Small sets end earlier.",
        "",
        "| set | stopped at | accuracy there | at the end | on shuffled labels |",
        "|---|---|---|---|---|",
    ]
    for name, row in result["sets"].items():
        at = ", ".join(str(r["labels"]) if r["stopped"] else "never" for r in row["runs"])
        there = ", ".join(f"{r['accuracy']:.3f}" for r in row["runs"])
        end = ", ".join(f"{r['accuracy_at_end']:.3f}" for r in row["runs"])
        lines.append(f"| {name} | {at} | {there} | {end} | {'stops' if row['shuffled'] else 'never'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
