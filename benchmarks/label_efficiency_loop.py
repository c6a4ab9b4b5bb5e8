"""How many labels the loop saves on the demo's two projects, over many seeds.

    python -m benchmarks.label_efficiency_loop --seeds=20

The same functions as a real round (learn, choose the head with its audit share, one batch, again), with a
perfect annotator in memory; see backend/demo/simulation.py. Each seed has its own split, sampler and random
order.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from backend.demo.datasets import DATASETS
from backend.demo.encoded import encoded_items
from backend.demo.simulation import BUDGET, Comparison, accuracy_at, compare, labels_to_reach

RESULTS = Path(__file__).parent / "results" / "label_efficiency_loop.json"
# So far the curves are followed where the target is not reached before; docstrings need some 500.
MOST_LABELS = 800


def main(arguments: Sequence[str]) -> None:
    """Run, print the table and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    result = {name: measure(name, range(options.seeds), options.jobs) for name in DATASETS}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def measure(name: str, seeds: Sequence[int], jobs: int) -> dict[str, Any]:
    """Return the figures of one data set."""
    dataset = DATASETS[name]()
    encoded = encoded_items(dataset)
    runs = Parallel(n_jobs=jobs)(
        delayed(compare)(dataset, seed, most=MOST_LABELS, encoded=encoded) for seed in seeds
    )
    return summary(runs)


def summary(runs: Sequence[Comparison]) -> dict[str, Any]:
    """Return the figures of one data set from the comparisons of its seeds."""
    gains = np.array([accuracy_at(r.loop, BUDGET) - accuracy_at(r.random, BUDGET) for r in runs])
    return {
        "seeds": len(runs),
        "full_data_accuracy": median(r.full for r in runs),
        "accuracy_at_150": {
            "loop": median(accuracy_at(r.loop, BUDGET) for r in runs),
            "random": median(accuracy_at(r.random, BUDGET) for r in runs),
        },
        "gain_at_150": {"mean": gains.mean(), "standard_error": gains.std(ddof=1) / len(gains) ** 0.5},
        "seeds_ahead": int((gains > 0).sum()),
        "labels_to_95_percent": {
            "loop": _median([labels_to_reach(r.loop, r.target) for r in runs]),
            "random": _median([labels_to_reach(r.random, r.target) for r in runs]),
            "random_without_encoder": _median([labels_to_reach(r.plain, r.target) for r in runs]),
        },
        "ratio": _median([r.saving for r in runs]),
        "ratio_with_encoder": _median([r.saving_with_encoder for r in runs]),
        "curves": [asdict(r) for r in runs],
    }


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median, "not reached" counting as more than any number; None when that is the middle."""
    middle = median(float("inf") if v is None else v for v in values)
    return middle if np.isfinite(middle) else None


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"Held-out accuracy with {BUDGET} labels, and labels to 95 % of the accuracy with all labels:",
        "medians over seeds, each with its own split.",
        "",
        "| project | seeds | loop | random order | gain (points) | loop ahead | labels to 95 %: loop "
        "| random order | ratio (median) | random order without encoder | ratio to that |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in result.items():
        at, gain, needed = r["accuracy_at_150"], r["gain_at_150"], r["labels_to_95_percent"]
        lines.append(
            f"| {name} | {r['seeds']} | {at['loop']:.1%} | {at['random']:.1%} | {100 * gain['mean']:.1f} ± "
            f"{100 * gain['standard_error']:.1f} | {r['seeds_ahead']} of {r['seeds']} | "
            f"{_labels(needed['loop'])} | {_labels(needed['random'])} | {_ratio(r['ratio'])} | "
            f"{_plain(needed)} | {_ratio(r.get('ratio_with_encoder'))} |"
        )
    return "\n".join(lines)


def _plain(needed: dict[str, float | None]) -> str:
    # Results of before there was an encoder do not say.
    return _labels(needed["random_without_encoder"]) if "random_without_encoder" in needed else "-"


def _labels(number: float | None) -> str:
    return "not reached" if number is None else f"{number:.0f}"


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
