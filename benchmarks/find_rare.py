"""How many tasks of a rare class the goal find:<label> finds, beside the default and chance.

    python -m benchmarks.find_rare --seeds 5

Debian packages by their section; pool 5,000, test 1,000. One section of about 2 % is looked for: three
examples and a random seventeen are labeled, then batches of 20 up to 4 % of the pool, a tenth of each at
random. Features as in the loop: `TextRepresentation` with MiniLM beside it. Found are the positives labeled;
the average precision of the section is that of the model on the test set. Beside it stands what of the
section is among the likeliest 4 % of the pool when two thirds of all labels are known: how far these features
tell it from the others at all.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

from benchmarks.label_efficiency import rows_of
from clean_al import IntelligentSampler, TextRepresentation, find_encoder
from clean_al.encoders import EncodedBlock

RESULT = Path(__file__).parent / "results" / "find_rare.json"
SET, POOL, EXAMPLES, BATCH, SHARE = "debian_sections", 5000, 3, 20, 0.04
# All sections of 1.7 to 2.6 %: none was chosen for its result.
LEAST, MOST = 0.017, 0.026
EXPLORED = 0.1


def features(texts: list[str], encoded: np.ndarray | None) -> tuple[Any, np.ndarray, Any]:
    """Features of all texts, fitted on the pool, their embedding, and the learner for them."""
    representation = TextRepresentation(random_state=0).fit(texts[:POOL])
    X = representation.transform(texts)
    embedding = representation.embedding(X)
    if encoded is not None:
        block = EncodedBlock().fit(X[:POOL], encoded[:POOL])
        near = EncodedBlock().fit(embedding[:POOL], encoded[:POOL])
        X, embedding = block.join(X, encoded), near.join(embedding, encoded)
    return X, embedding, representation.learner()


def one_run(
    how: dict[str, Any], X: Any, embedding: np.ndarray, learner: Any, y: np.ndarray, label: str, seed: int
) -> dict[str, float]:
    """Share of the label's tasks that were found in the pool, and its average precision on the test set."""
    rng = np.random.default_rng(seed)
    known = rng.choice(np.flatnonzero(y[:POOL] == label), EXAMPLES, replace=False)
    others = np.setdiff1d(np.arange(POOL), known)
    labeled = np.concatenate([known, rng.choice(others, BATCH - EXAMPLES, replace=False)])
    given = {"goal": f"find:{label}"} if how.get("strategy") == "find" else {}
    sampler = IntelligentSampler(
        **how, **given, exploration_weight=EXPLORED, estimator=learner, random_state=seed
    )
    sampler.fit(X[labeled], y[labeled], embedding=embedding[labeled])
    while len(labeled) < SHARE * POOL:
        free = np.setdiff1d(np.arange(POOL), labeled)
        rows = free[sampler.select(X[free], BATCH, embedding=embedding[free])]
        sampler.update(X[rows], y[rows], embedding=embedding[rows])
        labeled = np.concatenate([labeled, rows])
    chance = sampler.model_.predict_proba(X[POOL:])[:, list(sampler.model_.classes_).index(label)]
    found = (y[labeled] == label).sum() / (y[:POOL] == label).sum()
    return {"found": float(found), "precision": float(average_precision_score(y[POOL:] == label, chance))}


def with_all_labels(X: Any, y: np.ndarray, label: str) -> float:
    """Share of the label's tasks among the likeliest, by models that know two thirds of all labels."""
    wanted, n = y[:POOL] == label, int(SHARE * POOL)
    model = LogisticRegression(C=10.0, max_iter=500)
    chance = cross_val_predict(model, X[:POOL], wanted, cv=3, method="predict_proba")[:, 1]
    return float(wanted[np.argsort(-chance)[:n]].sum() / wanted.sum())


WAYS: dict[str, dict[str, Any]] = {
    "find": {"strategy": "find", "duplicate_threshold": 0},
    "auto": {"strategy": "auto"},
    "random": {"strategy": "random"},
}


def main(arguments: list[str] | None = None) -> None:
    """Run all sections and ways, and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--encoded", type=Path, help="rows of the texts, where they are there already")
    parser.add_argument("--only", nargs="+", help="sections to run; the others keep their figures")
    given = parser.parse_args(arguments)
    rows = rows_of(SET)
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    texts, y = [r["text"] for r in rows], np.array([r["label"] for r in rows])
    encoder = None if given.encoded else find_encoder("text", "auto").encoder
    encoded = np.load(given.encoded) if given.encoded else encoder and encoder.encode(texts)
    made = features(texts, encoded)
    names, counts = np.unique(y[:POOL], return_counts=True)
    sections = names[(counts >= LEAST * POOL) & (counts <= MOST * POOL)].tolist()
    kept: dict[str, Any] = json.loads(RESULT.read_text())["sections"] if RESULT.exists() else {}
    result: dict[str, Any] = {"seeds": given.seeds, "sections": kept}
    for label in sections:
        if given.only and label not in given.only:
            continue
        runs = {w: [one_run(how, *made, y, label, s) for s in range(given.seeds)] for w, how in WAYS.items()}
        result["sections"][label] = {
            "share": round(float((y[:POOL] == label).mean()), 4),
            "with_all_labels": round(with_all_labels(made[0], y, label), 3),
            **{w: {k: round(float(np.mean([r[k] for r in rs])), 3) for k in rs[0]} for w, rs in runs.items()},
        }
        print(label, json.dumps(result["sections"][label]), flush=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    lines = [
        f"{POOL:,} Debian packages, labels for {SHARE:.0%} of them, {result['seeds']} seeds: share of a",
        "section's packages that were found, and its average precision on 1,000 others. With all labels:",
        "what is among the likeliest 4 % when two thirds of the pool's labels are known.",
        "",
        "| section | share | find | with all labels | auto | random | precision: find | auto | random |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in result["sections"].items():
        cells = [f"{one[w]['found']:.0%}" for w in WAYS] + [f"{one[w]['precision']:.2f}" for w in WAYS]
        cells.insert(1, f"{one['with_all_labels']:.0%}" if "with_all_labels" in one else "")
        lines.append(f"| {name} | {one['share']:.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
