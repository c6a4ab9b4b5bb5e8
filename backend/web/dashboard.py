"""The dashboard: how each connected project stands, as a page that needs no script."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from backend.project.overview import project_status
from backend.store.models import ModelStore
from backend.web.state import web_state

blueprint = Blueprint("dashboard", __name__)

REFRESH_SECONDS = 5


@blueprint.get("/dashboard")
def dashboard() -> Response:
    """Answer the page, made from MODEL_DIR alone: it answers whatever else is down."""
    state = web_state()
    state.gate.require_login(request)
    store = ModelStore(state.settings.model_dir)
    projects = [project_status(store, i) for i in store.project_ids()]
    page = render_template(
        "dashboard.html",
        projects=projects,
        label_studio=state.settings.label_studio_url,
        waiting=len(state.marks.projects),
        refresh=REFRESH_SECONDS,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    response.headers["Cache-Control"] = "no-store"
    return response
