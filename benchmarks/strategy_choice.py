"""Which default wins: every candidate on every set, chosen on the other sets, reported on the one left out.

    python -m benchmarks.strategy_choice run --data DIR --out FILE --jobs 16 --seeds 20 --minutes 8
    python -m benchmarks.strategy_choice report FILE
    python -m benchmarks.strategy_choice keep FILE

`benchmarks/strategy_choice_data.py` makes the sets. A set is a file of arrays (.npz): X, or data, indices,
indptr and shape of a CSR matrix; y, labels as numbers; C, the regularization of its logistic regression;
optionally embedding (for distances) and n_sketch. Jobs go seed by seed, so that a run cut short is a smaller
run of the same kind. Every candidate labels the same pool and is tested on the same items with a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  the number of threads is read when numpy is imported
from joblib import Parallel, delayed  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

from benchmarks.strategy_choice_report import BASELINE, BEFORE, PUBLISHED, kept, report, table  # noqa: E402
from clean_al import STRATEGIES, IntelligentSampler, Strategy  # noqa: E402
from clean_al.fitting import fitted  # noqa: E402
from clean_al.learners import SketchedLogisticRegression, class_probabilities  # noqa: E402
from clean_al.points import Points  # noqa: E402
from clean_al.pool import Pool  # noqa: E402
from clean_al.strategies.harm_guard import agreement, partly_random, random_share  # noqa: E402
from clean_al.strategies.herding import herd, median_gap_sq, smallest_gap_sq  # noqa: E402
from clean_al.strategies.hybrid import HYBRID  # noqa: E402
from clean_al.strategies.tcm import is_early  # noqa: E402
from clean_al.strategies.typiclust import TYPICLUST  # noqa: E402
from clean_al.uncertainty import margin  # noqa: E402

BUDGET, LARGEST_POOL, LARGEST_TEST, DIAGNOSED = 200, 1500, 1000, 3
RESULT = Path(__file__).parent / "results" / "strategy_choice.json"
TEMPERATURES = np.geomspace(0.1, 10, 21)


def herding(
    pool: Pool,
    n: int,
    *,
    radius: Callable[[Pool], float] = median_gap_sq,
    wide: float = 1.0,
    power: float = 1.0,
    raw: bool = False,
    stay: float = 0.0,
    early: str = "cover",
    late: str = "herding",
    guard: tuple[float, float] | None = None,
    calibrated: bool = False,
) -> np.ndarray:
    """Uncertainty herding with everything that is tried out.

    Parameters
    ----------
    radius, wide : squared radius, times this
    power : of the uncertainty
    raw : distances as they are, not between points of unit length
    stay : labels for every known class before the model is asked
    early : "cover" (u = 1) or "typical" (TypiClust) until then
    late : "herding", or "hybrid" in its place
    guard : standard errors above chance below which all, above which nothing is drawn at random
    calibrated : with the published temperature
    """
    share = 0.0 if guard is None else random_share(pool, *guard)
    if share >= 1:
        return pool.rng.permutation(len(pool))[:n]
    if is_early(pool, stay) and early == "typical":
        rows = TYPICLUST.choose(pool, n)
    elif late == "hybrid":
        rows = HYBRID.choose(pool, n)
    else:
        unsure = (
            tempered(pool) if calibrated and pool.can_rank else pool.uncertainty if pool.can_rank else None
        )
        need = np.ones(len(pool)) if unsure is None or is_early(pool, stay) else unsure**power
        rows = _herd_raw(pool, n, need) if raw else herd(pool, n, need, wide * radius(pool))
    return partly_random(pool, rows, n, share) if share else rows


def _herd_raw(pool: Pool, n: int, need: np.ndarray) -> np.ndarray:
    typical = pool.points.typical_sq(np.random.default_rng(0)) / 2
    width = typical if pool.seen is None else median_gap_sq(pool, Points.take)
    return herd(pool, n, need, width or 1.0, Points.take)


def tempered(pool: Pool) -> np.ndarray:
    """Margins of softmax(logits / tau), tau with the least calibration error on a fifth of the labels."""
    assert pool.labeled is not None
    X, y = pool.labeled.X, pool.labeled.y
    rows = pool.rng.permutation(len(y))
    held, rest = rows[: len(y) // 5], rows[len(y) // 5 :]
    if len(held) == 0 or len(np.unique(y[rest])) < 2:
        return pool.uncertainty
    model = fitted(clone(pool.model), X[rest], y[rest])
    log_p = np.log(np.maximum(class_probabilities(model, X[held]), 1e-12))
    errors = [calibration_error(log_p / tau, y[held], model.classes_) for tau in TEMPERATURES]
    tau = float(TEMPERATURES[int(np.argmin(errors))])
    return pool.score_blocks(lambda p: margin(_softmax(np.log(np.maximum(p, 1e-12)) / tau)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def calibration_error(logits: np.ndarray, y: np.ndarray, classes: np.ndarray) -> float:
    """Expected calibration error in 15 bins (Guo, Pleiss, Sun & Weinberger, ICML 2017)."""
    p = _softmax(logits)
    sure, right = p.max(axis=1), classes[p.argmax(axis=1)] == y
    bins = np.minimum((sure * 15).astype(int), 14)
    gaps = [abs(float((sure[bins == b] - right[bins == b]).sum())) for b in np.unique(bins)]
    return sum(gaps) / len(y)


def candidate(**how: Any) -> Strategy:
    """Uncertainty herding with these settings, as a strategy."""
    return Strategy(STRATEGIES["max_herding"].scores, partial(herding, **how), needs_model=False)


GUARD = (1.0, 3.0)
# Typical items until the model ranks, then herding: what the others vary. One label for every class known is
# there as soon as the model ranks, so that stay=1 is stay=0, and typical1 came out as typical0.
BASE: dict[str, Any] = {"early": "typical", "stay": 1, "guard": GUARD}
CANDIDATES: dict[str, Strategy] = {
    BASELINE: STRATEGIES["random"],
    BEFORE: candidate(early="typical", late="hybrid"),
    PUBLISHED: candidate(radius=smallest_gap_sq, calibrated=True),
    "cover0": candidate(),
    "typical0": candidate(early="typical"),
    "typical1": candidate(early="typical", stay=1),
    "typical1_guard": candidate(**BASE),
    "typical1_guard_low": candidate(**BASE | {"guard": (0.0, 2.0)}),
    "typical1_guard_high": candidate(**BASE | {"guard": (2.0, 4.0)}),
    "typical2_guard": candidate(**BASE | {"stay": 2}),
    "typical3_guard": candidate(**BASE | {"stay": 3}),
    "typical1_hybrid": candidate(**BASE, late="hybrid"),
    "typical2_hybrid": candidate(**BASE | {"stay": 2}, late="hybrid"),
    "wide": candidate(**BASE, wide=2.0),
    "narrow": candidate(**BASE, wide=0.5),
    "power_half": candidate(**BASE, power=0.5),
    "power_two": candidate(**BASE, power=2.0),
    "raw": candidate(**BASE, raw=True),
    "calibrated": candidate(**BASE, calibrated=True),
    "margin": STRATEGIES["uncertainty"],
    "typiclust": TYPICLUST,
    "badge": STRATEGIES["badge"],
    "dropquery": STRATEGIES["dropquery"],
    "tcm": STRATEGIES["tcm"],
}


def load(path: Path) -> tuple[Any, np.ndarray, np.ndarray | None, Any]:
    """X, y, embedding and learner of a set."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    if "X" in arrays:
        X = arrays["X"].astype(np.float32)
    else:
        parts = arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"]
        X = sparse.csr_matrix(parts, shape=tuple(arrays["shape"]))
    embedding = arrays.get("embedding")
    C = float(arrays["C"])
    learner = SketchedLogisticRegression(int(arrays.get("n_sketch", 0)), C=C, max_iter=200)
    return X, arrays["y"], None if embedding is None else embedding.astype(np.float32), learner


def run(path: Path, name: str, seed: int) -> dict[str, Any]:
    """One curve: test accuracy after every batch, from no label to BUDGET labels."""
    started = time.perf_counter()
    # Not the global one: with this file run as a script, a worker would have a copy of its own.
    import_module("clean_al.strategies").STRATEGIES[name] = CANDIDATES[name]
    X, y, E, learner = load(path)
    train, test = _split(y, seed)
    sampler = IntelligentSampler(name, estimator=learner, random_state=seed, duplicate_threshold=0.05)
    batch = 20 if len(train) >= 600 else max(len(train) // 30, 2)
    left, labeled = train.copy(), np.empty(0, np.intp)
    accuracy, signal = [], []
    for _ in range(BUDGET // 20):
        rows = left[sampler.select(X[left], batch, embedding=None if E is None else E[left])]
        labeled, left = np.append(labeled, rows), np.setdiff1d(left, rows)
        sampler.fit(X[labeled], y[labeled], embedding=None if E is None else E[labeled])
        accuracy.append(_accuracy(sampler, X[test], y[test]))
        points = Points((X if E is None else E)[labeled])
        signal.append(agreement(points, np.unique(y[labeled], return_inverse=True)[1]))
    result = {"set": path.stem, "name": name, "seed": seed, "batch": batch, "accuracy": accuracy}
    if seed < DIAGNOSED:
        result["signal"] = signal
    return result | {"seconds": round(time.perf_counter() - started, 2)}


def _tried(path: Path, name: str, seed: int) -> dict[str, Any]:
    """One curve, or why there is none: hours of others must not be lost with it."""
    try:
        return run(path, name, seed)
    except Exception as error:  # noqa: BLE001  noted, and the others go on
        return {"set": path.stem, "name": name, "seed": seed, "error": repr(error)}


def _split(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and of the test set, a third at most held out."""
    rows = np.arange(len(y))
    counts = np.bincount(y)
    kinds = y if counts[counts > 0].min() > 1 else None
    train, test = train_test_split(rows, test_size=1 / 3, random_state=seed, stratify=kinds)
    rng = np.random.default_rng(seed)
    return rng.permutation(train)[:LARGEST_POOL], rng.permutation(test)[:LARGEST_TEST]


def _accuracy(sampler: IntelligentSampler, X: Any, y: np.ndarray) -> float:
    if sampler.model_ is None:
        return round(float(np.mean(y == sampler.classes_[0])), 5)
    return round(float(np.mean(sampler.predict(X) == y)), 5)


def run_all(data: Path, out: Path, jobs: int, seeds: int, minutes: float, only: list[str]) -> None:
    """Run what time allows, seed by seed, and keep it."""
    until = time.monotonic() + 60 * minutes
    paths = sorted(data.glob("*.npz"), key=lambda path: -path.stat().st_size)
    names = only or list(CANDIDATES)

    def tasks() -> Iterator[Any]:
        for seed in range(seeds):
            for path in paths:
                for name in names:
                    if time.monotonic() > until:
                        return
                    yield delayed(_tried)(path, name, seed)

    results = []
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)
    for result in parallel(tasks()):
        if "error" in result:
            print(result, flush=True)
            continue
        results.append(result)
        if len(results) % 200 == 0:
            _keep(out, results)
    _keep(out, results)
    spent = sum(result["seconds"] for result in results)
    print(f"{len(results)} curves of {len(paths)} sets, {spent:.0f} core seconds -> {out}")


def _keep(out: Path, results: list[dict[str, Any]]) -> None:
    new = out.with_suffix(".new")
    new.write_text(json.dumps(results))
    new.replace(out)


def main(arguments: list[str] | None = None) -> None:
    """Run, report or keep what was run; without arguments show what is kept."""
    if arguments == []:
        return print(table(json.loads(RESULT.read_text(encoding="utf-8"))))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("run", help="label every set with every candidate")
    start.add_argument("--data", type=Path, required=True)
    start.add_argument("--out", type=Path, required=True)
    start.add_argument("--jobs", type=int, default=2)
    start.add_argument("--seeds", type=int, default=20)
    start.add_argument("--minutes", type=float, default=60.0)
    start.add_argument("--only", nargs="*", default=[], choices=list(CANDIDATES))
    commands.add_parser("report", help="print the tables").add_argument("file", type=Path)
    commands.add_parser("keep", help="keep the summary for the docs").add_argument("file", type=Path)
    args = parser.parse_args(arguments)
    if args.command == "report":
        print(report(json.loads(args.file.read_text())))
    elif args.command == "keep":
        RESULT.write_text(json.dumps(kept(json.loads(args.file.read_text()))) + "\n", encoding="utf-8")
    else:
        run_all(args.data, args.out, args.jobs, args.seeds, args.minutes, args.only)


if __name__ == "__main__":
    main()
