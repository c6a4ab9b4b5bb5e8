"""Which processes run and how long the queue is, in Prometheus' terms, as asked when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from backend.settings import Settings

GAUGES = {
    "queue_up": "Whether the queue server answers.",
    "queued_rounds": "Rounds that wait for a worker.",
    "workers": "Workers that have given a sign of life within the last seconds.",
    "polls": "Polls that have.",
    "web_processes": "Web processes that have.",
}


class ProcessGauges(Collector):
    """What runs, as the processes say themselves; of a queue server that is away, only that."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the gauges without a value; nobody is asked."""
        return [_gauge(name, None) for name in GAUGES]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges that are known."""
        for name, value in self._values().items():
            yield _gauge(name, value)

    def _values(self) -> dict[str, float]:
        # Imported when needed: the queue is heavy, and an app may never be asked.
        from backend.errors import SettingsError
        from backend.loop.heartbeat import ask_alive
        from backend.loop.jobs import round_queue
        from backend.services import Services

        services = Services(self._settings)
        try:
            waiting = len(round_queue(services.impatient_redis))
        except (RedisError, SettingsError, OSError):
            return {"queue_up": 0.0}
        alive = ask_alive(services)
        return {
            "queue_up": 1.0,
            "queued_rounds": float(waiting),
            "workers": float(alive.workers),
            "polls": float(alive.polls),
            "web_processes": float(alive.webs),
        }


def _gauge(name: str, value: float | None) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"clean_al_{name}", GAUGES[name], labels=[])
    if value is not None:
        gauge.add_metric([], value)
    return gauge
