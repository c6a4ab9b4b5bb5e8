"""Projects as rounds leave them in MODEL_DIR, small and known, for the tests of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
from backend.store.progress import ProgressFile
from backend.store.snapshot_file import SnapshotFile
from backend.store.titles import note_title

KNOWN = Accuracy(0.912, 0.881, 0.943, audit_labels=41, at_labels=402, at_tasks=900, unknown_because=None)
F1 = Accuracy(0.812, 0.74, 0.866, audit_labels=41, at_labels=402, unknown_because=None, measure="F1")
ERROR = Accuracy(
    audit_labels=41,
    at_labels=402,
    unknown_because=None,
    measure="error",
    error=2.4375,
    error_low=2.01,
    error_high=3.2,
)
OLD, NEW = "clean-al-000001-aaaaaa", "clean-al-000002-bbbbbb"
INSIGHT = Insight(
    curve=(
        CurvePoint(100, 0.71, 0.62, 0.80, "2026-05-01T09:00:00+00:00"),
        CurvePoint(402, 0.912, 0.881, 0.943, "2026-05-02T09:00:00+00:00"),
    ),
    stop=StopAdvice("stop", "another 100 labels would gain 0.4 points"),
    savings=SavedLabels(534, 305, 839),
    random=(CurvePoint(100, 0.66, 0.55, 0.75), CurvePoint(402, 0.84, 0.79, 0.88)),
    per_label=(LabelQuality("cats", 0.95, 0.87, 1.0, 0.84, 0.75, 0.89, 20),),
    confusion=(ConfusedPair("cats", "money", 7),),
    suspects=(Suspect(11, "cats", "money", 0.97, "near-copies are labeled otherwise"),),
    annotators=(AnnotatorRecord(5, 381, 2, 0.94, 0.89, 69.0),),
    classes=(LabelCount("cats", 300), LabelCount("money", 102), LabelCount("war", 0)),
    head=(HeadTask(21, "unsure between cats and money", "cats", 0.38, "a cat in a bank"),),
)


def report(version: str = NEW, **more: Any) -> dict[str, Any]:
    """Return what a round says at its end."""
    return {
        "outcome": "published",
        "version": version,
        "fence": 2,
        "labels": 402,
        "candidates": 959,
        "has_model": True,
        "notes": ["labels never chosen yet: war"],
        "seconds": {"fetch": 1.25, "learn": 0.5},
        "ended_at": "2026-05-02T09:00:00+00:00",
        "accuracy": asdict(KNOWN),
        **more,
    }


def make_project(folder: Path, number: int = 3, title: str = "Topics", **more: Any) -> Path:
    """Make a connected project with two models, and return where it lies."""
    store = ModelStore(folder)
    project = store.folder(number)
    save_connection(store, number, Connection(webhook_id=1))
    note_title(project, title)
    ProgressFile(project).succeed(report(OLD, labels=380, fence=1), {})
    ProgressFile(project).succeed(report(**more), {})
    store.publish(number, Published(NEW, 2, "f", (21, 22, 23), True, audit=(22,), labels=402))
    for version in (OLD, NEW):
        for name in ("manifest.json", "model.json", "arrays.npz"):
            write_json(project / "models" / version / name, {})
    save_insight(project, INSIGHT)
    return project


def keep_tasks(project: Path, texts: Mapping[int, str]) -> None:
    """Put tasks with these texts, as JSON, into the project's snapshot."""
    rows = [(task, data, 0, "2026-01-01T00:00:00Z", 1) for task, data in texts.items()]
    with closing(SnapshotFile(project / "snapshot.sqlite").open()) as db, db:
        db.executemany("INSERT INTO task VALUES (?, ?, ?, ?, ?)", rows)
