"""How long the pages take: 50 projects of 100,000 tasks, asked of the real web process.

    python -m benchmarks.page_speed [--projects=50] [--tasks=100000] [--model-dir=DIR]

Neither Redis nor Label Studio are there. Before each request a round of some project ends, as while people
label.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import requests

from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from benchmarks.page_projects import make_projects

RESULTS = Path(__file__).parent / "results" / "page_speed.json"
SERVE = """
import sys
from pathlib import Path
from backend.settings import read_settings
from backend.web.gunicorn_app import serve_web
serve_web(read_settings(_env_file=None), on_ready=Path(sys.argv[1]).write_text)
"""
REPEAT = 150


@contextmanager
def web_process(model_dir: Path) -> Iterator[tuple[str, int]]:
    """Serve the pages as `clean-al serve` does, and yield their address and the server's process id."""
    given = {
        "MODEL_DIR": str(model_dir),
        "PORT": "0",
        "WEBHOOK_SECRET": "the-secret-of-this-benchmark",
        "LABEL_STUDIO_URL": "http://127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "LOG_LEVEL": "WARNING",
    }
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "address"
        process = subprocess.Popen([sys.executable, "-c", SERVE, str(address)], env=os.environ | given)
        try:
            while not (address.exists() and address.read_text()):
                if process.poll() is not None:
                    raise SystemExit("the web process did not start")
                time.sleep(0.05)
            yield address.read_text(), process.pid
        finally:
            process.terminate()
            process.wait(30)


def measure(model_dir: Path, repeat: int) -> dict[str, Any]:
    """Return how long each kind of page took, in ms, over so many requests of each."""
    store, rng = ModelStore(model_dir), np.random.default_rng(0)
    projects = store.project_ids()
    with web_process(model_dir) as (address, process), requests.Session() as session:

        def ask(path: str) -> float:
            begun = time.perf_counter()
            answer = session.get(f"{address}/dashboard{path}", timeout=30)
            took = time.perf_counter() - begun
            answer.raise_for_status()
            return 1000 * took

        found = {"first_ms": round(ask(""), 1)}
        kinds = {
            "all projects": lambda: "",
            "second page": lambda: "?page=2",
            "search": lambda: "?q=news&order=accuracy",
            "a project": lambda: f"/{rng.choice(projects)}",
            "a project, further pages": lambda: f"/{rng.choice(projects)}?queue=4&suspects=9&rounds=20",
        }
        for name, path in kinds.items():
            times, cpu = [], _cpu_seconds(process)
            for _ in range(repeat):
                _end_a_round(store, int(rng.choice(projects)))
                times.append(ask(path()))
            # On a machine that others use too, the server's own work says more than the clock.
            own = 1000 * (_cpu_seconds(process) - cpu) / repeat
            found[name] = _summary(times) | {"cpu_ms": round(own, 1)}
    return found


def _cpu_seconds(server: int) -> float:
    """Return the processor time that a server and its children have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == server or stat.parent.name == str(server):
                ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _end_a_round(store: ModelStore, project: int) -> None:
    progress = ProgressFile(store.folder(project))
    now = progress.read()
    progress.succeed(now.report | {"outcome": "nothing new"}, now.covers or {})


def _summary(times: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "max_ms": round(max(times), 1)}


def table(result: dict[str, Any]) -> str:
    """Return the kept result as a table."""
    rows = [
        f"| {name} | {r['p50_ms']} | {r['p95_ms']} | {r['max_ms']} | {r['cpu_ms']} |"
        for name, r in result["pages"].items()
        if isinstance(r, dict)
    ]
    head = (
        f"{result['projects']} projects of {result['tasks']:,} tasks, {result['requests']} requests of each, "
        "a round that ends before each"
    )
    return "\n".join(
        [
            f"{head}; the first page of a new process took {result['pages']['first_ms']:g} ms.",
            f"The machine had other work beside it: a load of {result['machine']['load_before'][0]:.0f} on "
            f"{result['machine']['cores']} cores. The last column says how long the server itself worked.",
            "",
            "| page | p50, ms | p95, ms | max, ms | of which work, ms |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=REPEAT)
    parser.add_argument("--model-dir", type=Path, help="made here, and used again when it is there")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        model_dir = given.model_dir or Path(folder)
        if not ModelStore(model_dir).project_ids():
            make_projects(model_dir, given.projects, given.tasks)
        load = os.getloadavg()
        pages = measure(model_dir, given.requests)
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": load},
        "projects": given.projects,
        "tasks": given.tasks,
        "requests": given.requests,
        "pages": pages,
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
