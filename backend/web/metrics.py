"""What the web edge counts, in Prometheus' terms."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

# Finest where it matters: Label Studio waits one second for a webhook, within the annotator's request.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one app, in a registry of its own; others may register their collectors there."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "clean_al_webhooks_received", "Webhooks that were read.", ["action"], registry=self.registry
        )
        self.acked = Counter(
            "clean_al_webhooks_acked", "Webhooks whose change Redis has.", registry=self.registry
        )
        self.deferred = Counter(
            "clean_al_webhooks_deferred",
            "Webhooks kept in memory until Redis answers.",
            registry=self.registry,
        )
        self.ignored = Counter(
            "clean_al_webhooks_ignored", "Webhooks that change nothing we learn from.", registry=self.registry
        )
        self.predictions = Counter("clean_al_predictions", "Tasks predicted.", registry=self.registry)
        self.waiting = Gauge(
            "clean_al_deferred_projects", "Projects that wait for Redis now.", registry=self.registry
        )
        self.seconds = Histogram(
            "clean_al_http_request_seconds",
            "Time to answer.",
            ["endpoint", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def page(self) -> Response:
        """Return all of it in Prometheus' text format."""
        return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_LATEST)

    def time_requests(self, app: Flask) -> None:
        """Observe every request of this app."""
        app.before_request(_start_clock)
        app.after_request(self._observe)

    def _observe(self, response: Response) -> Response:
        # The view's name, not the path: with ids in it each project would be a series of its own.
        endpoint = request.endpoint or "none"
        if started := g.get("started"):
            self.seconds.labels(endpoint, response.status_code).observe(time.perf_counter() - started)
        return response


def _start_clock() -> None:
    g.started = time.perf_counter()
