"""Time and memory of the sampler beside its peers, in one run.

    python -m venv .venv-peers
    .venv-peers/bin/pip install scikit-activeml==1.0.1 modAL-python==0.4.2.1 small-text==1.4.1 dppy==0.3.3
    python -m benchmarks.sampler_speed            # --quick leaves out what takes minutes

Every call runs in a process of its own: 100 items are selected with 1,000 labeled; models are fitted before
the clock starts (the sampler's fit, the peer's learner); median of three, peers that take over 30 s once.
Extra memory is the peak above what the process held before the call. Machine limits are measured as well.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import measured
from benchmarks.sampler_data import PER_ROW, data_of

ROOT = Path(__file__).parents[1]
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
RESULT = Path(__file__).parent / "results" / "sampler_speed.json"
REPEATS = 3
LONG = 30.0
LIMIT = 420
N = 100


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes
    ----------
    work : what is selected, a key of OPTIONS
    kind : "dense" or "csr"
    n, d : shape of the pool
    peers : libraries to run beside
    target : the ratio to reach against the best of them; 0 for none
    slow : whether a peer takes minutes
    """

    work: str
    kind: str
    n: int
    d: int
    peers: tuple[str, ...] = ()
    target: float = 0.0
    slow: bool = False


CASES = (
    Case("margin", "dense", 100_000, 64, ("modAL", "scikit-activeml"), 1.3),
    Case("entropy", "dense", 1_000_000, 384, ("modAL",), 1.3),
    Case("kcenter", "dense", 1_000_000, 64, ("scikit-activeml",), 10),
    Case("kcenter", "dense", 1_000_000, 384, ("scikit-activeml",), 7, slow=True),
    Case("kcenter_next", "dense", 1_000_000, 384, ("scikit-activeml",), 30, slow=True),
    Case("badge", "dense", 100_000, 384, ("scikit-activeml",), 200, slow=True),
    Case("determinantal", "dense", 10_000, 64, ("DPPy",), 100, slow=True),
    Case("determinantal", "dense", 100_000, 64),
    Case("determinantal", "dense", 1_000_000, 64),
    Case("kmeans", "dense", 100_000, 64, ("scikit-learn", "small-text"), 5),
    Case("typiclust", "dense", 100_000, 64, ("scikit-activeml",), 20, slow=True),
    Case("hybrid", "dense", 100_000, 64),
    Case("auto_first", "dense", 100_000, 384),
    Case("auto", "dense", 100_000, 384),
    Case("auto_first", "dense", 1_000_000, 384, slow=True),
    Case("auto", "dense", 1_000_000, 384, slow=True),
    Case("committee", "dense", 100_000, 64, ("modAL",), 0),
    Case("committee_members", "dense", 100_000, 64),
    Case("kcenter", "csr", 100_000, 50_000, ("scikit-activeml",)),
    Case("badge", "csr", 100_000, 50_000, ("scikit-activeml",)),
)

OPTIONS: dict[str, dict[str, Any]] = {
    "margin": {"strategy": "uncertainty", "uncertainty_method": "margin"},
    "entropy": {"strategy": "uncertainty", "uncertainty_method": "entropy"},
    "kcenter": {"strategy": "coreset"},
    "kcenter_next": {"strategy": "coreset"},
    "badge": {"strategy": "badge"},
    "determinantal": {"strategy": "determinantal"},
    "kmeans": {"strategy": "kmeans"},
    "typiclust": {"strategy": "typiclust"},
    "hybrid": {"strategy": "hybrid"},
    "auto": {},
    "auto_first": {},
}


def ours(work: str, kind: str, n: int, d: int) -> dict[str, Any]:
    """One measured call of this project's sampler."""
    X, L, y = data_of(kind, n, d)
    if work.startswith("committee"):
        return _committee(work, X, L, y)
    from clean_al import IntelligentSampler

    # A sampler fitted once; only a strategy that asks for a model is given more than a quick one.
    sampler = IntelligentSampler(random_state=0, **OPTIONS[work])
    if not work.endswith("_first"):
        sampler.fit(L, y)
    if work == "kcenter_next":
        rows = sampler.select(X, N)
        sampler.update(X[rows], np.arange(N) % 10)
    seconds, megabytes, rows = measured(lambda: sampler.select(X, N))
    return {"seconds": seconds, "mb": megabytes, "distinct": len(set(rows.tolist()))}


def _committee(work: str, X: Any, L: Any, y: np.ndarray) -> dict[str, Any]:
    """A selection by five forests, or (its floor) their own predictions alone; two at a time either way."""
    from joblib import Parallel, delayed

    from clean_al import QueryByCommittee

    sampler = QueryByCommittee(5, "random_forest", random_state=0, n_jobs=2).fit(L, y)
    if work == "committee":
        seconds, megabytes, _ = measured(lambda: sampler.select(X, N))
    else:
        jobs = [delayed(member.predict_proba)(X) for member in sampler.model_.members_]
        seconds, megabytes, _ = measured(lambda: Parallel(n_jobs=2, prefer="threads")(jobs))
    return {"seconds": seconds, "mb": megabytes, "distinct": N}


def limits() -> dict[str, float]:
    """What this machine can do now: GB/s of reading, GFLOP/s of float32 products, and its load."""
    a = np.random.default_rng(0).standard_normal((200_000, 384), dtype=np.float32)
    b = np.ascontiguousarray(a[:1000].T)
    read = min(_seconds(lambda: a @ a[0]) for _ in range(5))
    product = min(_seconds(lambda: a[:50_000] @ b) for _ in range(3))
    return {
        "read_gb_per_s": a.nbytes / read / 1e9,
        "gemm_gflop_per_s": 2 * 50_000 * 384 * 1000 / product / 1e9,
        "load": float(Path("/proc/loadavg").read_text().split()[0])
        if Path("/proc/loadavg").exists()
        else -1.0,
    }


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_process(python: Path, module: str, arguments: list[str]) -> dict[str, Any]:
    """Run one measured call in a process of its own."""
    command = [str(python), "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"more than {LIMIT} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        return {"error": f"exit {done.returncode}: {last[0][:160]}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def repeated(python: Path, module: str, arguments: list[str]) -> dict[str, Any]:
    """The median of REPEATS runs; one run where it fails or is long."""
    runs = [in_process(python, module, arguments)]
    while len(runs) < REPEATS and "error" not in runs[0] and runs[0]["seconds"] < LONG:
        runs.append(in_process(python, module, arguments))
    if "error" in runs[0]:
        return runs[0]
    good = [run for run in runs if "error" not in run]
    middle = {key: statistics.median(run[key] for run in good) for key in ("seconds", "mb", "distinct")}
    return {**middle, "runs": len(good)}


def _others(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Kept rows of cases that were not run this time."""
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    return [row for row in kept if _place(row) not in {_place(new) for new in rows}]


def _place(row: dict[str, Any]) -> int:
    """Where a row's case stands among CASES."""
    keys = [(case.work, case.kind, case.n, case.d) for case in CASES]
    return keys.index((row["work"], row["kind"], row["n"], row["d"]))


def run_case(case: Case) -> dict[str, Any]:
    """This project and its peers on one case."""
    shape = [case.kind, str(case.n), str(case.d)]
    row: dict[str, Any] = {
        "work": case.work,
        "kind": case.kind,
        "n": case.n,
        "d": case.d,
        "target": case.target,
    }
    row["ours"] = repeated(Path(sys.executable), "benchmarks.sampler_speed", ["--one", case.work, *shape])
    row["peers"] = {
        peer: repeated(PEER_PYTHON, "benchmarks.sampler_peers", [peer, case.work, *shape])
        for peer in case.peers
    }
    times = [result["seconds"] for result in row["peers"].values() if "seconds" in result]
    row["ratio"] = min(times) / row["ours"]["seconds"] if times and "seconds" in row["ours"] else None
    return row


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    machine = result["limits"]
    lines = [
        f"Here: reading {machine['read_gb_per_s']:.0f} GB/s, float32 products",
        f"{machine['gemm_gflop_per_s']:.0f} GFLOP/s, both with two threads, measured in the same run. Floor:",
        "the distances or class scores that cannot be left out, at those rates; for sparse rows, reading",
        "them once. In brackets: how many different items came back. kcenter_next is the round after",
        "kcenter, with 100 more labels.",
        "",
        "| work | pool | here | peers | ratio to the best | wanted | floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        peers = "; ".join(f"{name} {shown(r)}" for name, r in row["peers"].items())
        ratio = f"{row['ratio']:.1f}" if row["ratio"] else ""
        lines.append(
            f"| {row['work']} | {row['kind']} {row['n']:,} x {row['d']} | {shown(row['ours'])} | {peers} "
            f"| {ratio} | {row['target'] or ''} | {_floor(row, machine)} |"
        )
    return "\n".join(lines)


def _floor(row: dict[str, Any], machine: dict[str, float]) -> str:
    """Seconds that the machine needs for the work's dominant cost; empty where it is not this simple."""
    if row["kind"] != "dense":
        return f"{row['n'] * PER_ROW * 8 / machine['read_gb_per_s'] / 1e9:.4f} s"
    read = row["n"] * row["d"] * 4 / machine["read_gb_per_s"] / 1e9
    product = 2.0 * row["n"] * row["d"] / machine["gemm_gflop_per_s"] / 1e9
    floors = {
        "margin": read,
        "entropy": read,
        "kcenter": 1000 * product,
        "kcenter_next": 100 * product,
        "badge": read,
        "determinantal": N * read,
        "kmeans": N * product,
    }
    return f"{floors[row['work']]:.3f} s" if row["work"] in floors else ""


def shown(result: dict[str, Any]) -> str:
    """One cell."""
    if "error" in result:
        return result["error"][:40]
    return f"{result['seconds']:.3f} s, {result['mb']:.0f} MB ({result['distinct']:.0f})"


def main(arguments: list[str] | None = None) -> None:
    """Run all cases, or one call with --one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--one", nargs=4, metavar=("WORK", "KIND", "N", "D"))
    parser.add_argument("--quick", action="store_true", help="leave out peers that take minutes")
    parser.add_argument("--only", nargs="+", help="works to run")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args(arguments)
    if given.one:
        work, kind, n, d = given.one
        print(json.dumps(ours(work, kind, int(n), int(d))))
        return
    machine = limits()
    rows = []
    for case in CASES:
        if (given.only and case.work not in given.only) or (given.quick and case.slow):
            continue
        row = run_case(case)
        rows.append(row)
        peers = "; ".join(f"{name} {shown(result)}" for name, result in row["peers"].items())
        ratio = f" = {row['ratio']:.1f}x (wanted {case.target:g})" if row["ratio"] else ""
        print(
            f"{case.work} {case.kind} {case.n} x {case.d}: {shown(row['ours'])} | {peers}{ratio}", flush=True
        )
        # Written after every case: a run that is stopped keeps what it has.
        kept = sorted([*rows, *_others(given.output, rows)], key=_place)
        result = {"machine": platform.processor() or platform.machine(), "limits": machine, "rows": kept}
        given.output.parent.mkdir(exist_ok=True)
        given.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"limits {machine}; wrote {given.output}")


if __name__ == "__main__":
    main()
