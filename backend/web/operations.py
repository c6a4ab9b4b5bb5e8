"""Health and metrics: for Label Studio's connection test, load balancers and Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request

from backend.web.readiness import UP
from backend.web.state import web_state

blueprint = Blueprint("operations", __name__)


@blueprint.get("/health")
def health() -> dict[str, str]:
    """Answer that the web process is up; open to all, and says nothing more."""
    # Nobody else is asked: this is Label Studio's connection test, too, and it waits for one second.
    return {"status": "UP"}


@blueprint.get("/ready")
def ready() -> tuple[dict[str, object], int]:
    """Answer whether queue, workers and Label Studio are there, 503 where one is not; open to all."""
    checks = web_state().readiness.checks()
    up = all(said == UP for said in checks.values())
    return {"status": "READY" if up else "NOT READY", "checks": checks}, 200 if up else 503


@blueprint.get("/")
def index() -> dict[str, str]:
    """Answer as /health does, to those who may look at pages."""
    web_state().gate.require_login(request)
    return {"status": "UP", "name": "clean-al"}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer in Prometheus' text format."""
    state = web_state()
    state.gate.require_login(request)
    state.metrics.waiting.set(len(state.marks.projects))
    return state.metrics.page()
