"""Planted wrong labels: how many are found in the first 15 % of a list, how many right ones are accused.

    python -m benchmarks.label_errors --seeds 3

A tenth of the labels of each set is replaced by another label, drawn uniformly. The labels are ranked by
`suspect_labels` and, where its package is there (--peer names a Python that has it), by cleanlab's
`get_label_quality_scores`, from the same held-out probabilities.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

from benchmarks.label_efficiency import rows_of
from clean_al import IntelligentSampler, TextRepresentation, suspect_labels
from clean_al.learners import SparseLogisticRegression

RESULT = Path(__file__).parent / "results" / "label_errors.json"
PLANTED, FIRST = 0.1, 0.15
SETS = {"digits": 1000, "sms_spam": 1000, "debian_sections": 1500, "banking77": 1500}
SCORES = ("self_confidence", "normalized_margin")
PEER = """
import sys, numpy as np
from cleanlab.rank import get_label_quality_scores
data = np.load(sys.argv[1])
found = {m: get_label_quality_scores(data["y"], data["p"], method=m) for m in sys.argv[3:]}
np.savez(sys.argv[2], **found)
"""


def labeled_set(name: str, n: int, seed: int) -> tuple[Any, np.ndarray, np.ndarray, Any]:
    """Features, labels, what tells near items, and an unfitted learner."""
    rng = np.random.default_rng(seed)
    if name == "digits":
        X, y = datasets.load_digits(return_X_y=True)
        picked = rng.permutation(len(y))[:n]
        return X[picked] / 16.0, y[picked], X[picked] / 16.0, SparseLogisticRegression(max_iter=500)
    rows = rows_of(name)
    picked = rng.permutation(len(rows))[:n]
    labels = np.unique([rows[i]["label"] for i in picked], return_inverse=True)[1]
    representation = TextRepresentation(random_state=0)
    X = representation.fit_transform([rows[i]["text"] for i in picked])
    return X, labels, representation.embedding(X), representation.learner(0)


def planted(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels with a tenth of them wrong, and which."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), bool)
    wrong[rng.permutation(len(y))[: round(PLANTED * len(y))]] = True
    noisy = y.copy()
    for i in np.flatnonzero(wrong):
        noisy[i] = rng.choice(np.setdiff1d(np.unique(y), y[i]))
    return noisy, wrong


def found_early(rows: np.ndarray, wrong: np.ndarray) -> float:
    """Share of the wrong labels in the first 15 % of a ranking."""
    return float(wrong[rows[: round(FIRST * len(rows))]].sum() / wrong.sum())


def one_run(name: str, seed: int, peer: str | None) -> dict[str, float]:
    """Figures of one set, with planted errors and without."""
    X, y, near, learner = labeled_set(name, SETS[name], seed)
    result: dict[str, float] = {}
    for label, given, wrong in (("clean", y, np.zeros(len(y), bool)), ("planted", *planted(y, seed))):
        sampler = IntelligentSampler(estimator=learner, random_state=0).fit(X, given)
        p = sampler.held_out_probabilities()
        assert p is not None
        ours = suspect_labels(given, p, sampler.labeled_.classes, X=near)
        result[f"accused_{label}"] = float(ours.accused.mean())
        if label == "planted":
            result["found"] = found_early(ours.rows, wrong)
            result["right_among_accused"] = float(wrong[ours.accused].mean()) if ours.accused.any() else 1.0
            if peer:
                columns = np.searchsorted(sampler.labeled_.classes, given)
                result |= {m: found_early(r, wrong) for m, r in _peer_rows(peer, columns, p).items()}
    return result


def _peer_rows(peer: str, y: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        given, answer = f"{folder}/given.npz", f"{folder}/answer.npz"
        np.savez(given, y=y, p=p)
        subprocess.run([peer, "-c", PEER, given, answer, *SCORES], check=True)
        with np.load(answer) as scores:
            return {f"cleanlab {m}": np.argsort(scores[m], kind="stable") for m in SCORES}


def main(arguments: list[str] | None = None) -> None:
    """Run all sets and print the means over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=sorted(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peer", help="a Python that has cleanlab")
    given = parser.parse_args(arguments)
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    sets = kept.get("sets", {}) if kept.get("seeds") == given.seeds else {}
    for name in given.sets:
        runs = [one_run(name, seed, given.peer) for seed in range(given.seeds)]
        means = {key: round(float(np.mean([run[key] for run in runs])), 3) for key in runs[0]}
        sets[name] = {"labels": SETS[name]} | means
        print(name, json.dumps(sets[name]), flush=True)
        RESULT.write_text(json.dumps({"seeds": given.seeds, "sets": sets}, indent=1) + "\n")


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    peers = [f"cleanlab {m}" for m in SCORES]
    lines = [
        f"{result['seeds']} seeds. A tenth of the labels is wrong; found: share of those in the first 15 %",
        "of the list. Accused: share of all labels that a human is asked to look at again.",
        "",
        f"| set | labels | found | {' | '.join(peers)} | accused | wrong among them | accused when clean |",
        f"|{'---|' * (6 + len(peers))}",
    ]
    for name, row in result["sets"].items():
        others = " | ".join(f"{row[p]:.0%}" if p in row else "-" for p in peers)
        lines.append(
            f"| {name} | {row['labels']} | {row['found']:.0%} | {others} | {row['accused_planted']:.1%} "
            f"| {row['right_among_accused']:.0%} | {row['accused_clean']:.1%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
