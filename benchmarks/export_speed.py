"""How fast tasks with boxes become CVAT XML and Prodigy JSONL, and are read back, beside other tools.

    python -m benchmarks.export_speed --peers=/path/to/python --large=1000000

Every case is a process of its own, started fresh: wall time, processor time and peak memory are those of the
whole process as the system counts them, imports included; with those that it starts, of whose peaks the
highest counts. Cases take turns, and the median of the rounds is
kept. `--peers` names a Python that has datumaro, FiftyOne and labelformat; lxml, ijson and orjson come with
the project.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import export_cases

RESULTS = Path(__file__).parent / "results" / "export_speed.json"
HERE = Path(export_cases.__file__)
ROOT = HERE.parent.parent
LABELS = ("car", "person", "tree")
OURS = (
    "write_cvat",
    "write_cvat_no_config",
    "write_prodigy",
    "write_prodigy_from_records",
    "write_label_studio",
    "write_cvat_two_jobs",
    "write_prodigy_two_jobs",
    "write_label_studio_two_jobs",
    "read_cvat",
    "read_label_studio",
)
LARGE = ("write_cvat", "write_prodigy", "write_cvat_two_jobs", "write_prodigy_two_jobs", "read_cvat")
FLOORS = ("copy", "read_orjson_lines")
SAME_PYTHON = ("lxml_xmlfile", "read_ijson")
PEERS = ("datumaro_write", "datumaro_read", "fiftyone_read", "labelformat_read")


def main(arguments: list[str]) -> dict[str, Any]:
    """Run all cases and keep the result."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        result = measure(Path(name), options)
    keep(result)
    print(table(result))
    return result


def keep(result: dict[str, Any]) -> None:
    """Write the result to where the docs are made from."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=100_000, help="image tasks with 5 boxes each")
    parser.add_argument("--large", type=int, default=0, help="tasks of the memory run, such as 1000000")
    parser.add_argument("--peer-tasks", type=int, default=20_000, help="tasks for the slow peers")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--peers", help="a Python that has the other readers; without it they are left out")
    parser.add_argument("--folder", help="where to put the files: 6 kB for each task")
    return parser.parse_args(arguments)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the result: figures of each case, ratios, and what machine it was."""
    prepare(folder / "all", options.tasks)
    rows: dict[str, list[dict[str, float]]] = {}
    load = os.getloadavg()
    for _ in range(options.repeat):
        for case in (*FLOORS, *OURS, *SAME_PYTHON):
            rows.setdefault(case, []).append(run(case, folder / "all", sys.executable, options.tasks))
    if options.peers:
        prepare(folder / "peer", options.peer_tasks)
        run("write_cvat", folder / "peer", sys.executable, options.peer_tasks)
        for case in PEERS:
            rows[case] = [run(case, folder / "peer", options.peers, options.peer_tasks)]
    cases = {case: median(found) for case, found in rows.items()}
    result = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_before": [round(n, 2) for n in load],
            "load_after": [round(n, 2) for n in os.getloadavg()],
        },
        "tasks": options.tasks,
        "boxes_each": 5,
        "rounds": options.repeat,
        "input_megabytes": round((folder / "all" / "tasks.json").stat().st_size / 1e6, 1),
        "cases": cases,
        "ratios": ratios(cases),
        "wall_ratios": wall_ratios(cases),
    }
    if options.large:
        # Kept before the long run too: it may be stopped.
        keep(result)
        result["large"] = large(folder / "large", options.large)
    return result


def large(folder: Path, count: int) -> dict[str, Any]:
    """Return peak memory and speed at many tasks."""
    prepare(folder, count, with_lines=False)
    found = {case: run(case, folder, sys.executable, count) for case in LARGE}
    return {"tasks": count, "cases": found}


def prepare(folder: Path, count: int, with_lines: bool = True) -> None:
    """Write the same tasks as a JSON array and as JSON Lines."""
    folder.mkdir()
    rng = random.Random(7)
    with (folder / "tasks.json").open("w") as whole, (folder / "tasks.jsonl").open("w") as lines:
        whole.write("[")
        for number in range(count):
            text = json.dumps(_task(number, rng))
            whole.write((", " if number else "") + text)
            if with_lines:
                lines.write(text + "\n")
        whole.write("]")


def _task(number: int, rng: random.Random) -> dict[str, Any]:
    results = [
        {
            "id": f"{number:07d}_{index}",
            "from_name": "label",
            "to_name": "image",
            "type": "rectanglelabels",
            "origin": "manual",
            "original_width": 1920,
            "original_height": 1080,
            "image_rotation": 0,
            "value": {
                "x": rng.uniform(0, 80),
                "y": rng.uniform(0, 80),
                "width": rng.uniform(1, 20),
                "height": rng.uniform(1, 20),
                "rotation": 0,
                "rectanglelabels": [rng.choice(LABELS)],
            },
        }
        for index in range(5)
    ]
    annotation = {"id": number + 1, "result": results, "was_cancelled": False, "ground_truth": False}
    image = f"/data/upload/1/{number:08x}-photo.jpg"
    return {"id": number + 1, "annotations": [annotation], "predictions": [], "data": {"image": image}}


def run(case: str, folder: Path, python: str, count: int) -> dict[str, float]:
    """Run one case in a process of its own; return its figures."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # As where it is installed: Python compiles it once, and not at each start of a process.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    child = subprocess.Popen([python, str(HERE), case, str(folder)], cwd=ROOT, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode:
        raise RuntimeError(f"case {case} failed with {child.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(f"{case:28} {count / wall:>9.0f} tasks/s  {count / processor:>9.0f} of processor time", flush=True)
    return {
        "tasks": count,
        "seconds": round(wall, 3),
        "processor_seconds": round(processor, 3),
        "tasks_per_s": round(count / wall),
        "tasks_per_processor_s": round(count / processor),
        "peak_megabytes": round(kilobytes / 1024, 1),
    }


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def ratios(cases: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how many times as fast as the other each pair is, by processor time."""
    pairs = (
        ("write_cvat", "datumaro_write"),
        ("write_cvat", "lxml_xmlfile"),
        ("write_cvat", "copy"),
        ("read_cvat", "datumaro_read"),
        ("read_cvat", "fiftyone_read"),
        ("read_cvat", "labelformat_read"),
        ("read_label_studio", "read_ijson"),
        ("read_label_studio", "read_orjson_lines"),
        ("write_prodigy", "copy"),
    )
    key = "tasks_per_processor_s"
    return {
        f"{a} / {b}": round(cases[a][key] / cases[b][key], 3) for a, b in pairs if a in cases and b in cases
    }


def wall_ratios(cases: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how many times as fast two processes are as one and as others, by the clock."""
    others = ("copy", "lxml_xmlfile", "datumaro_write")
    pairs = [(case, case.removesuffix("_two_jobs")) for case in cases if case.endswith("_two_jobs")]
    pairs += [("write_cvat_two_jobs", other) for other in others]
    key = "tasks_per_s"
    return {
        f"{a} / {b}": round(cases[a][key] / cases[b][key], 3) for a, b in pairs if a in cases and b in cases
    }


def table(result: dict[str, Any]) -> str:
    """Return the figures as a table."""
    head = f"{result['tasks']:,} image tasks with 5 boxes each, {result['input_megabytes']} MB of JSON"
    load = result["machine"]["load_before"][0]
    lines = [
        f"{head}; {result['machine']['cores']} cores, load {load} before the run.",
        "",
        "| case | tasks/s | tasks/s of processor time | peak MB | tasks |",
        "|---|---|---|---|---|",
    ]
    rows = list(result["cases"].items())
    if "large" in result:
        rows += [(f"{case}, large", row) for case, row in result["large"]["cases"].items()]
    for case, row in rows:
        figures = f"{row['tasks_per_s']:,.0f} | {row['tasks_per_processor_s']:,.0f} | {row['peak_megabytes']}"
        lines.append(f"| {case} | {figures} | {row['tasks']:,.0f} |")
    lines += ["", "| times as fast, by processor time | |", "|---|---|"]
    lines += [f"| {pair} | {ratio} |" for pair, ratio in result["ratios"].items()]
    if "wall_ratios" in result:
        lines += ["", "| times as fast, by the clock | |", "|---|---|"]
        lines += [f"| {pair} | {ratio} |" for pair, ratio in result["wall_ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
