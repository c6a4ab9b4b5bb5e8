"""Made-up projects in a MODEL_DIR, as rounds would have left them: for looking at the pages, and timing them.

python -m benchmarks.page_projects MODEL_DIR [PROJECTS] [TASKS]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy
from backend.store.connection import Connection, save_connection
from backend.store.files import write_json
from backend.store.insight import (
    AnnotatorRecord,
    ConfusedPair,
    CurvePoint,
    HeadTask,
    Insight,
    LabelCount,
    LabelQuality,
    SavedLabels,
    StopAdvice,
    Suspect,
    save_insight,
)
from backend.store.models import ModelStore, Published
from backend.store.poll_note import note_poll
from backend.store.progress import ProgressFile
from backend.store.snapshot_file import SnapshotFile
from backend.store.titles import note_title
from backend.store.wishes import note_pause

TITLES = (
    "Support tickets by topic",
    "Street scenes, vehicles",
    "Product reviews: tone",
    "Chest X-rays, first reading",
    "Call center: reason of call",
    "Contracts, clauses",
    "News by desk",
    "Bird songs",
    "Receipts, totals",
    "Toxic comments",
)
LABELS = (
    "billing",
    "delivery",
    "returns",
    "account",
    "complaint",
    "praise",
    "technical",
    "contract",
    "refund",
    "other",
)
TEXT = (
    "my order has not arrived and nobody answers the phone since monday please tell me where it is now or "
    "send the money back the invoice shows a different sum than the one in the shop thank you for quick help"
)
WORDS = TEXT.split()
WHYS = (
    "unsure between {} and {}",
    "a new region of the pool",
    "typical of many tasks",
    "unsure between {} and {}",
)


def make_projects(model_dir: Path, projects: int = 50, tasks: int = 100_000) -> None:
    """Fill a MODEL_DIR with projects of so many tasks each."""
    store = ModelStore(model_dir)
    for number in range(1, projects + 1):
        make_project(store, number, tasks, np.random.default_rng(number))


def make_project(store: ModelStore, number: int, tasks: int, rng: np.random.Generator) -> None:
    """Make one project; some of them are paused, cut off from Label Studio, or have just begun."""
    folder = store.folder(number)
    title = (
        f"{TITLES[number % len(TITLES)]}{'' if number <= len(TITLES) else f' {number // len(TITLES) + 1}'}"
    )
    save_connection(
        store, number, Connection(webhook_id=number, bound_to={"server": "http://localhost:8080"})
    )
    note_title(folder, title)
    labels = int(rng.integers(60, 900)) if number % 9 else 8
    _tasks(folder, tasks, rng)
    versions = (
        [f"clean-al-{i:06d}-{int(rng.integers(16**6)):06x}" for i in range(600, 605)] if labels > 8 else []
    )
    points = list(_curve(labels, rng)) if labels > 8 else []
    for version in versions:
        for name in ("manifest.json", "model.json", "arrays.npz"):
            write_json(folder / "models" / version / name, {})
    _rounds(folder, number, labels, tasks, versions, points[-1] if points else None, rng)
    head = rng.choice(np.arange(1, tasks + 1), min(100, tasks), replace=False).tolist()
    drawn = rng.choice(np.arange(1, tasks + 1), min(labels // 10, tasks), replace=False).tolist()
    version = versions[-1] if versions else "clean-al-000001-abcdef"
    store.publish(
        number,
        Published(
            version,
            604,
            "f",
            tuple(head),
            bool(versions),
            tuple(head[4::10]),
            drawn=tuple(drawn),
            labels=labels,
        ),
    )
    if points:
        save_insight(folder, _insight(points, labels, head, rng))
    if number % 11 == 3:
        note_pause(folder)
    if number % 17 == 5:
        note_poll(folder, "Label Studio at http://localhost:8080 does not answer: ConnectTimeout")


def _tasks(folder: Path, tasks: int, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    texts = [" ".join(rng.choice(WORDS, 24)) for _ in range(500)]
    rows = (
        (i, json.dumps({"text": f"{texts[i % 500]} ({i})"}), 0, "2026-01-01T00:00:00Z", 1)
        for i in range(1, tasks + 1)
    )
    with closing(SnapshotFile(folder / "snapshot.sqlite").open()) as db, db:
        db.executemany("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?)", rows)


def _curve(labels: int, rng: np.random.Generator) -> Iterator[CurvePoint]:
    at = 30.0
    while at <= labels:
        accuracy = 0.93 - 0.5 * np.exp(-at / 140) + rng.normal(0, 0.008)
        half = 0.9 / np.sqrt(at + 20)
        when = datetime(2026, 5, 1, 9, tzinfo=UTC) + timedelta(minutes=3 * at)
        low, high = max(accuracy - half, 0.0), min(accuracy + half, 1.0)
        yield CurvePoint(int(at), float(accuracy), float(low), float(high), when.isoformat())
        at *= 1.1


def _rounds(
    folder: Path,
    number: int,
    labels: int,
    tasks: int,
    versions: list[str],
    last: CurvePoint | None,
    rng: np.random.Generator,
) -> None:
    known = Accuracy(audit_labels=labels // 10, unknown_because=f"{labels // 10} of 30 audit labels")
    if last is not None:
        known = Accuracy(
            last.accuracy,
            last.low,
            last.high,
            audit_labels=labels // 10,
            at_labels=last.labels,
            at_tasks=tasks,
            unknown_because=None,
        )
    count = 600 if versions else 1
    lines = []
    for i in range(count):
        ended = datetime.now(UTC) - timedelta(minutes=4 * (count - i) + number)
        seconds = dict(
            zip(
                ("fetch", "features", "learn", "choose", "write", "estimate"),
                rng.random(6).tolist(),
                strict=True,
            )
        )
        lines.append(
            {
                "project": number,
                "outcome": "published",
                "version": versions[i - count + 5]
                if i >= count - 5 and versions
                else f"clean-al-{i:06d}-000000",
                "fence": i + 1,
                "tasks": tasks,
                "labels": max(labels * (i + 1) // count, 1),
                "candidates": tasks - labels,
                "head": 100,
                "has_model": bool(versions),
                "seconds": seconds,
                "accuracy": asdict(known),
                "ended_at": ended.isoformat(timespec="seconds"),
                "notes": ["labels never chosen yet: other"] if number % 4 == 0 else [],
                "options": {"batch_size": 20, "strategy": None},
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rounds.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    ProgressFile(folder).succeed(lines[-1], {"title": "known"})


def _insight(points: list[CurvePoint], labels: int, head: list[int], rng: np.random.Generator) -> Insight:
    shares = rng.dirichlet(np.ones(9))
    counts = [
        LabelCount(name, int(labels * share)) for name, share in zip(LABELS, [*shares, 0.0], strict=True)
    ]
    is_flat = labels > 600
    reason = (
        "another 100 labels would gain 0.4 ± 0.3 points"
        if is_flat
        else "another 100 labels would gain about 2.6 ± 0.9 points"
    )
    return Insight(
        curve=tuple(points),
        random=tuple(_random(points, labels)) if labels > 150 else (),
        stop=StopAdvice("stop" if is_flat else "go on", reason),
        savings=SavedLabels(labels * 0.7, labels * 0.4, labels * 1.1) if labels > 150 else None,
        per_label=tuple(_quality(c, rng) for c in counts),
        confusion=tuple(
            ConfusedPair(LABELS[i], LABELS[(i + 3) % 9], int(n))
            for i, n in enumerate(sorted(rng.integers(2, 40, 8), reverse=True))
        ),
        suspects=tuple(_suspects(rng)),
        annotators=tuple(
            AnnotatorRecord(
                i,
                labels // (i + 1),
                int(rng.integers(9)),
                *map(float, rng.uniform(0.7, 0.97, 2)),
                60.0 + 9 * i,
            )
            for i in range(1, 7)
        ),
        classes=tuple(sorted(counts, key=lambda c: -c.count)),
        head=tuple(_queued(task, rng) for task in head),
    )


def _random(points: list[CurvePoint], labels: int) -> Iterator[CurvePoint]:
    """Yield what a random order reaches: what the curve does, with 1.7 times as many labels."""
    at, reached = [p.labels for p in points], [p.accuracy for p in points]
    for n in np.linspace(labels / 5, labels, 24).round():
        accuracy = float(np.interp(n / 1.7, at, reached))
        yield CurvePoint(int(n), accuracy, max(accuracy - 0.05, 0.0), min(accuracy + 0.04, 1.0))


def _quality(count: LabelCount, rng: np.random.Generator) -> LabelQuality:
    if count.count < 5:
        return LabelQuality(count.label, labels=count.count)
    p, r = rng.uniform(0.6, 0.96, 2).tolist()
    return LabelQuality(
        count.label, p, p - 0.08, min(p + 0.06, 1), r, r - 0.09, min(r + 0.05, 1), count.count
    )


def _suspects(rng: np.random.Generator) -> Iterator[Suspect]:
    for i, score in enumerate(sorted(rng.uniform(0.5, 0.99, 200).tolist(), reverse=True)):
        given, suggested = rng.choice(LABELS[:9], 2, replace=False).tolist()
        reason = (
            "the model, which had not seen it, is sure of the other"
            if i % 3
            else "near-copies are labeled otherwise"
        )
        yield Suspect(int(rng.integers(1, 90_000)), given, suggested, score, reason)


def _queued(task: int, rng: np.random.Generator) -> HeadTask:
    a, b = rng.choice(LABELS[:9], 2, replace=False).tolist()
    why = str(rng.choice(WHYS)).format(a, b)
    return HeadTask(task, why, a, float(rng.uniform(0.3, 0.8)), f"{' '.join(rng.choice(WORDS, 24))} ({task})")


def main(arguments: list[str]) -> Any:
    """Make projects where the first argument says."""
    begun = time.perf_counter()
    make_projects(Path(arguments[0]), *(int(n) for n in arguments[1:3]))
    print(f"made in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
