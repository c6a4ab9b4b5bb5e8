"""How each project stands, in Prometheus' terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.learning.accuracy import read_accuracy
from backend.store.connection import is_connected
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile

GAUGES = {
    "labels": "Labels that the last round learned from.",
    "candidates": "Tasks still to label.",
    "audit_labels": "Labels of tasks that were drawn uniformly at random.",
    "accuracy": "Estimated accuracy of the model, from 0 to 1; absent while not known.",
    "accuracy_low": "Lower end of its 90 % interval.",
    "accuracy_high": "Upper end of its 90 % interval.",
}


class ProjectGauges(Collector):
    """What the last round of each connected project saw, read from MODEL_DIR when Prometheus asks."""

    def __init__(self, store: ModelStore):
        self._store = store

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the gauges without a value; nothing is read."""
        return list(_empty().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; accuracy of those projects alone where it is known."""
        gauges = _empty()
        for project in self._store.project_ids():
            report = ProgressFile(self._store.folder(project)).read().report
            if report and is_connected(self._store, project):
                for name, value in _values(report).items():
                    gauges[name].add_metric([str(project)], value)
        yield from gauges.values()


def _empty() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(f"clean_al_project_{name}", meaning, labels=["project"])
        for name, meaning in GAUGES.items()
    }


def _values(report: dict[str, Any]) -> dict[str, float]:
    accuracy = read_accuracy(report)
    values = {
        "labels": report.get("labels", 0),
        "candidates": report.get("candidates", 0),
        "audit_labels": accuracy.audit_labels,
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
    }
    return {name: value for name, value in values.items() if value is not None}
