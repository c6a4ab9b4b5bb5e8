"""How each project stands, in Prometheus' terms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.project.overview import ProjectStatus, project_status
from backend.store.insight import LabelQuality, load_insight
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile

GAUGES = {
    "labels": "Labels that the last round learned from.",
    "candidates": "Tasks still to label.",
    "queue": "Tasks in the queue head.",
    "rounds": "Rounds that have published something.",
    "failures": "Failed rounds in a row.",
    "last_round_seconds": "When the last round ended, in seconds since the epoch.",
    "suspects": "Labels that are probably wrong.",
    "stop": "The advice: 1 to stop, 0 to go on; absent while not known.",
    "labels_saved": "Labels saved against a random order; absent while not known.",
    "labels_saved_low": "Lower end of their 90 % interval.",
    "labels_saved_high": "Upper end of their 90 % interval.",
    "audit_labels": "Labels of tasks that were drawn uniformly at random.",
    "accuracy": "Estimated accuracy of the model (of spans their F1), from 0 to 1; absent while not known.",
    "accuracy_low": "Lower end of its 90 % interval.",
    "accuracy_high": "Upper end of its 90 % interval.",
    "error": "By how much guessed numbers are off on average, in their unit; absent of all else.",
    "error_low": "Lower end of its 90 % interval.",
    "error_high": "Upper end of its 90 % interval.",
}
BY_LABEL = {
    "label_precision": "Of the tasks that the model gives this label, the share that has it.",
    "label_recall": "Of the tasks that have this label, the share that the model finds.",
}
STAGE = "round_stage_seconds"
STATE = "state"
# A taxonomy of thousands would be thousands of series.
MOST_LABELS = 50


class ProjectGauges(Collector):
    """What the last round of each connected project knew, read from MODEL_DIR when Prometheus asks."""

    def __init__(self, store: ModelStore):
        self._store = store

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the gauges without a value; nothing is read."""
        return list(_empty().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; each of those projects alone where it is known."""
        gauges = _empty()
        for project in self._store.project_ids():
            status = project_status(self._store, project)
            if status.connected:
                self._add(gauges, status)
        yield from gauges.values()

    def _add(self, gauges: dict[str, GaugeMetricFamily], status: ProjectStatus) -> None:
        folder, project = self._store.folder(status.project), str(status.project)
        gauges[STATE].add_metric([project, status.title, status.state], 1.0)
        progress = ProgressFile(folder).read()
        # Zeros would look like a project that has lost its labels.
        if not progress.report:
            return
        for name, value in _values(status, progress.failures).items():
            gauges[name].add_metric([project], value)
        for stage, seconds in status.seconds.items():
            gauges[STAGE].add_metric([project, stage], seconds)
        for quality in load_insight(folder).per_label[:MOST_LABELS]:
            _add_quality(gauges, project, quality)


def _empty() -> dict[str, GaugeMetricFamily]:
    named = [(name, meaning, ["project"]) for name, meaning in GAUGES.items()]
    named += [(name, meaning, ["project", "question", "label"]) for name, meaning in BY_LABEL.items()]
    named.append((STAGE, "Seconds that each stage of the last round took.", ["project", "stage"]))
    named.append((STATE, "1 for the state that the project is in.", ["project", "title", "state"]))
    return {
        name: GaugeMetricFamily(f"clean_al_project_{name}", meaning, labels=labels)
        for name, meaning, labels in named
    }


def _add_quality(gauges: dict[str, GaugeMetricFamily], project: str, quality: LabelQuality) -> None:
    for name, value in (("label_precision", quality.precision), ("label_recall", quality.recall)):
        if value is not None:
            gauges[name].add_metric([project, quality.question, quality.label], value)


def _values(status: ProjectStatus, failures: int) -> dict[str, float]:
    accuracy, savings = status.accuracy, status.savings
    verdicts = {"stop": 1.0, "go on": 0.0}
    values = {
        "labels": status.labels,
        "candidates": status.candidates,
        "queue": status.queue,
        "rounds": status.rounds,
        "failures": failures,
        "last_round_seconds": _moment(status.last_round),
        "suspects": status.suspects,
        "stop": verdicts.get(status.stop.verdict),
        "labels_saved": savings.saved if savings else None,
        "labels_saved_low": savings.low if savings else None,
        "labels_saved_high": savings.high if savings else None,
        "audit_labels": accuracy.audit_labels,
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "error": accuracy.error,
        "error_low": accuracy.error_low,
        "error_high": accuracy.error_high,
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _moment(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return None
