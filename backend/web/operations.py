"""Health and metrics: for Label Studio's connection test, load balancers and Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request

from backend.web.state import web_state

blueprint = Blueprint("operations", __name__)


@blueprint.get("/health")
def health() -> dict[str, str]:
    """Answer that the web process is up; open to all, and says nothing more."""
    return {"status": "UP"}


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
