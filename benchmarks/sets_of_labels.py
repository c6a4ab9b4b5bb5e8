"""Sets of labels: how well the loop learns them, beside the same learner on tasks in random order.

    python -m benchmarks.sets_of_labels --seeds 4

Debian's package descriptions, each with its tags (`../shared/data/debtags_multilabel.csv`), as a project with
`<Choices choice="multiple">`: the functions of a real round, with a perfect annotator in memory, see
`backend.demo.simulation`. Two thirds are the pool, the rest is held out and scored by micro-F1.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from backend.demo.datasets import Dataset
from backend.demo.simulation import Curve, LabeledPool, accuracy_at, loop_rounds, random_rounds, split
from backend.learning.tasks import Tasks
from backend.store.models import Model

SHARED = Path(os.environ.get("CLEAN_AL_SHARED", Path(__file__).parents[2] / "shared"))
RESULT = Path(__file__).parent / "results" / "sets_of_labels.json"
SIZES = (60, 100, 200, 300, 400)


@dataclass(frozen=True)
class Tagged(Dataset):
    """Texts of which each has a set of labels."""

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self.truth)))

    @property
    def label_config(self) -> str:
        return super().label_config.replace('choice="single"', 'choice="multiple"')


class SetsPool(LabeledPool):
    """A pool whose score is micro-F1 over the labels of the held-out items."""

    def accuracy(self, model: Model | None) -> float:
        """Return micro-F1; without a model nothing is found."""
        if model is None:
            return 0.0
        guesses = model.guesses_of(Tasks.of([], self.held_features(model.reader)))[self.control.name]
        return micro_f1([g.answer for g in guesses], list(self.held_truth))


def micro_f1(guessed: list[Any], true: list[Any]) -> float:
    """Return the F1 of all labels of all items together."""
    right = sum(len(g & t) for g, t in zip(guessed, true, strict=True))
    return 2 * right / max(sum(map(len, guessed)) + sum(map(len, true)), 1)


def debtags() -> Tagged:
    """Return the package descriptions with their tags."""
    with (SHARED / "data" / "debtags_multilabel.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    truth = np.empty(len(rows), dtype=object)
    truth[:] = [frozenset(row["labels"].split("|")) - {""} for row in rows]
    texts = tuple(row["text"] for row in rows)
    return Tagged("debtags", "Debian packages", "text", "text", texts, truth, "Which tags?")


def curve(rounds: Iterator[tuple[np.ndarray, float]]) -> Curve:
    """Return micro-F1 after each batch, up to the last of the sizes."""
    found: Curve = []
    for labeled, score in rounds:
        if len(labeled):
            found.append((len(labeled), round(100 * score, 2)))
        if len(labeled) >= SIZES[-1]:
            break
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run both orders on every seed, and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args(arguments)
    data = debtags()
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {"items": len(data), "runs": {}}
    for seed in range(given.first, given.first + given.seeds):
        pool = SetsPool(data, split(data, seed), seed)
        run = {"loop": at_sizes(loop_rounds(pool)), "random": at_sizes(random_rounds(pool))}
        print(seed, run, flush=True)
        kept["runs"][str(seed)] = run
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")


def at_sizes(rounds: Iterator[tuple[np.ndarray, float]]) -> list[float]:
    """Return micro-F1 at the sizes, between two batches by a straight line."""
    found = curve(rounds)
    return [round(accuracy_at(found, n), 2) for n in SIZES]


def table(result: dict[str, Any]) -> str:
    """Return the kept result for the docs."""
    loop, random = (np.array([run[which] for run in result["runs"].values()]) for which in ("loop", "random"))
    n = len(loop)
    lines = [
        f"Debian package descriptions ({result['items']:,}), each with any of 25 tags; two thirds are the",
        f"pool. Micro-F1 on the rest, {n} {'seed' if n == 1 else 'seeds'}; the gain with a 95 % interval.",
        "",
        "| labels | loop | random order | gain (points) |",
        "|---|---|---|---|",
    ]
    for i, size in enumerate(SIZES):
        gain = loop[:, i] - random[:, i]
        half = f" ± {t.ppf(0.975, n - 1) * gain.std(ddof=1) / np.sqrt(n):.1f}" if n > 1 else ""
        lines.append(
            f"| {size} | {loop[:, i].mean():.1f} | {random[:, i].mean():.1f} | {gain.mean():+.1f}{half} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
