"""What all pages have in common: the login, the headers, and errors that people can read."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from backend.errors import BackendError
from backend.store.models import ModelStore
from backend.web.pages.forms import form_token
from backend.web.pages.shown import FILTERS, GLOBALS, UNSHOWABLE
from backend.web.state import web_state

blueprint = Blueprint("pages", __name__, url_prefix="/dashboard")

RENEWED_SECONDS = 5
# No script or style within a page: a text that slipped through the escaping could still do nothing.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.before_request
def _require_login() -> None:
    web_state().gate.require_login(request)


@blueprint.after_request
def _set_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": a browser would then send our own forms without their origin.
    response.headers["Referrer-Policy"] = "same-origin"
    # Pages show the texts of tasks, which no proxy or shared browser should keep.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@blueprint.errorhandler(HTTPException)
def _refused(error: HTTPException) -> Response:
    response = page("error.html", error.code or 500, problem=error.description or error.name, name=error.name)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


@blueprint.errorhandler(BackendError)
def _failed(error: BackendError) -> Response:
    return page("error.html", 503, problem=str(error), name="That did not work")


@blueprint.record_once
def _add_filters(setup: Any) -> None:
    setup.app.jinja_env.filters.update(FILTERS)
    setup.app.jinja_env.globals.update(GLOBALS)
    setup.app.jinja_env.trim_blocks = setup.app.jinja_env.lstrip_blocks = True


def page(template: str, code: int = 200, **values: Any) -> Response:
    """Return a page made of a template and what all of them show."""
    state = web_state()
    settings = state.settings
    made = render_template(
        template,
        label_studio=settings.label_studio_public_url or settings.label_studio_url,
        waiting=len(state.marks.projects),
        token=form_token(state.gate.secret),
        renewed=RENEWED_SECONDS,
        **values,
    )
    # Half of a character, wherever it comes from, must not cost the whole page.
    response = make_response(UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", made), code)
    response.content_type = "text/html; charset=utf-8"
    return response


def store() -> ModelStore:
    """Return the store that the pages read."""
    return ModelStore(web_state().settings.model_dir)
