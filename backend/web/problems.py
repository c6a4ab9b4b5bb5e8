"""Errors as JSON: what was wrong, in which field; of our own faults only a number to find in the log."""

from __future__ import annotations

import logging
import uuid

from flask import Flask, Response, jsonify
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, SecurityError

from backend.errors import LabelingConfigError
from backend.log_context import log_fault

LOG = logging.getLogger(__name__)


def answer_errors(app: Flask) -> None:
    """Make this app answer every error as JSON, never with a traceback."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(SecurityError, _strange_host)
    app.register_error_handler(ValidationError, _wrong_field)
    app.register_error_handler(LabelingConfigError, _wrong_labeling_config)
    app.register_error_handler(Exception, _internal)


def _refused(error: HTTPException) -> Response:
    response = jsonify(error=error.description or error.name)
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        # Challenges and allowed methods go along; these two are of the HTML that Werkzeug would have sent.
        if name.lower() not in ("content-type", "content-length"):
            response.headers.add(name, value)
    return response


def _strange_host(_error: SecurityError) -> tuple[Response, int]:
    reason = "this Host is not served without a login: set CLEAN_AL_PUBLIC_URL to the address that you use"
    return jsonify(error=reason), 400


def _wrong_field(error: ValidationError) -> tuple[Response, int]:
    # Only place and reason: the value that was sent is not ours to repeat.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(map(str, first["loc"]))
    reason = first["msg"].removeprefix("Value error, ")
    return jsonify(error=f"{name}: {reason}", field=name), 422


def _wrong_labeling_config(error: LabelingConfigError) -> tuple[Response, int]:
    return jsonify(error=str(error), field="schema"), 422


def _internal(error: Exception) -> tuple[Response, int]:
    request_id = uuid.uuid4().hex[:12]
    log_fault(LOG, error, "request %s failed", request_id)
    return jsonify(error="internal error", request_id=request_id), 500
