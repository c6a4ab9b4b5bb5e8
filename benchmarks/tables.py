"""Makes docs/benchmarks.md from the kept results, so that no figure in it is typed by hand."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A benchmark is a module here with `main(arguments)`; its own `table(result)` replaces the plain listing.
BENCHMARKS: dict[str, str] = {
    "webhook_latency": "Webhooks: from request to acknowledgement",
    "recovery": "Recovery: from a fault to the next round",
    "loop_latency": "The loop: from an annotation to the new order",
    "label_efficiency_loop": "The loop: labels saved on the demo's projects",
    "detector_doubt": "The loop: finding a detector's mistakes",
    "sets_of_labels": "The loop: sets of labels",
    "entities": "The loop: named entities",
    "several_questions": "The loop: three questions beside one",
    "sampler_speed": "Sampler: time and memory beside other libraries",
    "strategy_choice": "Sampler: which default",
    "label_efficiency": "Sampler: label efficiency beside other libraries",
    "text_representation": "Sampler: features of texts for few labels and for many",
    "few_labels": "Sampler: the learner for texts at few labels",
    "neighborhoods": "Sampler: what unlabeled texts teach",
    "self_training": "Sampler: what self-training would teach",
    "find_rare": "Sampler: finding the rare",
    "encoders": "Encoders: what they add, how fast, in what memory",
    "accuracy_coverage": "Sampler: does the accuracy interval cover the truth",
    "label_errors": "Labels: are planted errors found",
    "stopping": "Stopping: labels saved and accuracy lost by the advice",
    "export_speed": "Exporters: tasks per second beside other tools",
    "page_speed": "The page: time to answer",
}
RESULTS = Path(__file__).parent / "results"
HEAD = """# Benchmarks

`make bench` runs all of them, `make bench ARGS=NAME` one; results are kept in `benchmarks/results/` and
`make docs` makes this page from them. Each compares in one run, under the same conditions; absolute times
depend on the machine (here two shared cores), so read the ratios.
"""


def main(folder: Path) -> None:
    """Write `folder`/benchmarks.md, and the plots that it shows."""
    (folder / "benchmarks.md").write_text(page(), encoding="utf-8")
    for name in BENCHMARKS:
        path = RESULTS / f"{name}.json"
        plots = getattr(importlib.import_module(f"benchmarks.{name}"), "plots", None)
        if plots is not None and path.exists():
            plots(json.loads(path.read_text(encoding="utf-8")), folder)


def page() -> str:
    """Return the page: one section for each benchmark whose result is kept."""
    return "\n".join([HEAD, *(s for name, title in BENCHMARKS.items() if (s := section(name, title)))])


def section(name: str, title: str) -> str | None:
    """Return the section of one benchmark, or None without a result."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    module = importlib.import_module(f"benchmarks.{name}")
    table = getattr(module, "table", listing)
    return f"## {title}\n\n`make bench ARGS={name}`\n\n{table(result).strip()}\n"


def listing(result: Any) -> str:
    """Return every figure of a result, a row each."""
    rows = [f"| {path} | {_show(value)} |" for path, value in _leaves(result)]
    return "\n".join(["| | |", "|---|---|", *rows])


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path} / {key}" if path else str(key))
    elif not isinstance(value, list):
        yield path, value


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
