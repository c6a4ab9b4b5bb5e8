"""How long it takes from an annotation to the new order, on a real Label Studio with 10,000 texts.

    CLEAN_AL_LABEL_STUDIO=.../bin/label-studio python -m benchmarks.loop_latency

A user labels the task that is served; the clock runs from that request until Label Studio serves the first
task of the new queue head to another user. The round's report tells how that time is spent.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.demo.label_studio_server import LabelStudioServer
from backend.label_studio.client import LabelStudio
from backend.loop.encoding import is_settled
from backend.loop.observe import observe
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, text_config

RESULTS = Path(__file__).parent / "results" / "loop_latency.json"
LABELS = ("one", "two", "three", "four", "five")
# In these a round waits for Label Studio nearly all the time; the others are our own work.
LABEL_STUDIO_STAGES = ("fetch", "write", "switch")
OUR_STAGES = ("features", "learn", "choose", "store")
WORDS, WORDS_PER_TEXT = 20_000, 40
POLLS = 30
# Encoding 10,000 texts takes minutes on one core, and it waits for each round.
ENCODING = 1800.0


def texts(n: int, seed: int = 0) -> list[dict[str, str]]:
    """Return `n` texts whose words are spread as in a language, a tenth of them from the label's own."""
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]
    own = {label: [f"{label}{i}" for i in range(200)] for label in LABELS}
    made = []
    for number in range(n):
        label = LABELS[number % len(LABELS)]
        words = rng.choices(vocabulary, weights, k=WORDS_PER_TEXT - 4) + rng.choices(own[label], k=4)
        rng.shuffle(words)
        made.append({"text": " ".join(words), "answer": label})
    return made


class Bench:
    """One Label Studio, one loop and one project of `n` texts with `labeled` labels."""

    def __init__(self, server: LabelStudioServer, loop: Loop, n: int, labeled: int):
        self.admin = LabelStudio(server.url, server.token)
        self.loop = loop
        self.first = Annotator(server.url, server.token, lambda data: str(data["answer"]))
        self.second = Annotator(server.url, server.add_user(), lambda data: str(data["answer"]))
        self.project = int(self.admin.create_project(title="many", label_config=text_config(*LABELS))["id"])
        self.admin.import_tasks(self.project, texts(n))
        begun = time.perf_counter()
        loop.connected(self.project)
        self.first_round = time.perf_counter() - begun
        for _ in range(labeled):
            self.first.label_next(self.project)
        loop.catch_up(self.project)

    def once(self) -> dict[str, float]:
        """Label one task and return where the time went, in seconds, until the new order is served."""
        loop, project = self.loop, self.project
        before = loop.catch_up(project).report
        task = self.first.next_task(project)
        assert task is not None
        begun = time.perf_counter()
        self.first.label(task)
        acknowledged = time.perf_counter() - begun
        old = before["version"]
        published = wait_for("a new version", lambda: _newer(loop, project, old), within=120)
        served = self.second.next_task(project)
        total = time.perf_counter() - begun
        assert served is not None
        assert served["id"] == published.head[0]
        assert self.admin.project(project)["model_version"] == published.version
        report = loop.catch_up(project).report
        assert report["labels"] == before["labels"] + 1
        # A task that stays open would be served to this user again, whatever the order.
        self.second.label(served)
        stages = {name: report["seconds"].get(name, 0.0) for name in (*LABEL_STUDIO_STAGES, *OUR_STAGES)}
        spent = sum(stages.values())
        return {
            "total": total,
            "annotation_request": acknowledged,
            "next_task_and_waiting": total - acknowledged - spent,
            "label_studio": sum(stages[name] for name in LABEL_STUDIO_STAGES),
            "ours": sum(stages[name] for name in OUR_STAGES),
            **{f"stage_{name}": seconds for name, seconds in stages.items()},
            "afterwards_clean": report["seconds"].get("clean", 0.0),
        }

    def with_encoder(self, repeats: int) -> dict[str, Any]:
        """Return the figures while the encoder reads the pool, and after it has."""
        reading = self.phase(repeats)
        folder = self.loop.store.folder(self.project)
        begun = time.perf_counter()
        wait_for("the encoder has read the pool", lambda: is_settled(folder, "text"), within=ENCODING)
        waited = time.perf_counter() - begun
        self.loop.catch_up(self.project)
        return {"reading": reading, "read_after_s": round(waited, 1), "encoder": self.phase(repeats)}

    def phase(self, repeats: int) -> dict[str, Any]:
        """Return the medians over `repeats` annotations, and of looks at the project."""
        runs = [self.once() for _ in range(repeats)]
        polls = self.poll()
        return {
            "first_round_s": round(self.first_round, 2),
            "median_s": {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]},
            "total_s_of_each_run": [round(run["total"], 2) for run in runs],
            "poll_ms": {
                "median": round(1000 * statistics.median(polls), 1),
                "max": round(1000 * max(polls), 1),
            },
        }

    def poll(self) -> list[float]:
        """Return the seconds that single looks at the project take."""
        taken = []
        for _ in range(POLLS):
            begun = time.perf_counter()
            observe(self.admin, self.project)
            taken.append(time.perf_counter() - begun)
        return taken


def _newer(loop: Loop, project: int, old: str) -> Any:
    published = loop.published(project)
    return published if published is not None and published.version != old else None


def measure(binary: str, n: int, labeled: int, repeats: int) -> dict[str, Any]:
    """Return the medians over `repeats` annotations, and each of them, without and with the encoder."""
    words = measured(binary, n, labeled, {"CLEAN_AL_TEXT_ENCODER": "off"}, lambda bench: bench.phase(repeats))
    encoder = measured(binary, n, labeled, {}, lambda bench: bench.with_encoder(repeats))
    return {"tasks": n, "labels": labeled, "debounce_s": 2.0, "words": words, **encoder}


def measured(
    binary: str, n: int, labeled: int, settings: dict[str, str], take: Callable[[Bench], dict[str, Any]]
) -> dict[str, Any]:
    """Return what `take` measures on a Label Studio and a loop of its own."""
    with tempfile.TemporaryDirectory(prefix="clean-al-bench-") as name:
        folder = Path(name)
        (folder / "loop").mkdir()
        with LabelStudioServer(binary, folder / "ls", allow_private_addresses=True) as server:
            # Every other setting but the secrets stands at its default.
            loop = Loop(server.url, server.token, folder / "loop", settings).start()
            try:
                return take(Bench(server, loop, n, labeled))
            finally:
                loop.stop()


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=100, help="labels before the first measurement")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    binary = os.environ.get("CLEAN_AL_LABEL_STUDIO")
    if not binary:
        raise SystemExit("set CLEAN_AL_LABEL_STUDIO to a label-studio command, or run `make bench`")
    load = os.getloadavg()
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": load},
        **measure(binary, given.tasks, given.labels, given.repeats),
    }
    print(table(result))
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def table(result: dict[str, Any]) -> str:
    """Return the result as the documentation shows it."""
    phases = [result["words"], result["reading"], result["encoder"]]
    rows = [
        ("**from the annotation to the new order**", "total"),
        ("the annotation's own request, webhook included", "annotation_request"),
        ("Label Studio: read what changed (`fetch`)", "stage_fetch"),
        ("Label Studio: store the queue head, one call, and switch (`write`)", "stage_write"),
        ("**ours: features, learn, choose, store**", "ours"),
        ("debounce (2 s), queue, and serving the next task", "next_task_and_waiting"),
        ("afterwards: delete the head before the last (`clean`)", "afterwards_clean"),
    ]
    lines = "\n".join(
        f"| {what} | " + " | ".join(f"{phase['median_s'][key]:.2f}" for phase in phases) + " |"
        for what, key in rows
    )
    poll = result["words"]["poll_ms"]
    return (
        f"A project of {result['tasks']:,} texts, {result['labels']} labeled; Label Studio 1.23 on SQLite; "
        f"medians over {len(phases[0]['total_s_of_each_run'])} annotations each.\n\n"
        "| seconds | words alone | while the encoder reads the pool | with the encoder |\n"
        f"|---|---|---|---|\n{lines}\n\n"
        f"The first round, which reads everything, took {result['words']['first_round_s']:.1f} s. One look "
        f"of the poll takes {poll['median']:.0f} ms (at most {poll['max']:.0f} ms)."
    )


if __name__ == "__main__":
    main()
