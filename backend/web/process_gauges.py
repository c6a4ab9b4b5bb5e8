"""Which processes run and how long the queue is, in Prometheus' terms, as asked when Prometheus asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.web.watch import Look

GAUGES = {
    "queue_up": "Whether the queue server answers.",
    "queued_rounds": "Rounds that wait for a worker.",
    "workers": "Workers that have given a sign of life within the last seconds.",
    "polls": "Polls that have.",
    "web_processes": "Web processes that have.",
}


class ProcessGauges(Collector):
    """What runs, as the processes say themselves; of a queue server that is away, only that."""

    def __init__(self, look: Callable[[], Look]):
        self._look = look

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the gauges without a value; nobody is asked."""
        return [_gauge(name, None) for name in GAUGES]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges that are known."""
        for name, value in self._values().items():
            yield _gauge(name, value)

    def _values(self) -> dict[str, float]:
        seen = self._look()
        if seen.waiting is None:
            # Nothing more: zero workers would be a claim, and would raise the alarm for them too.
            return {"queue_up": 0.0}
        return {
            "queue_up": 1.0,
            "queued_rounds": float(seen.waiting),
            "workers": float(seen.alive.workers),
            "polls": float(seen.alive.polls),
            "web_processes": float(seen.alive.webs),
        }


def _gauge(name: str, value: float | None) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"clean_al_{name}", GAUGES[name], labels=[])
    if value is not None:
        gauge.add_metric([], value)
    return gauge
