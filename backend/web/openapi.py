"""What the HTTP edge answers, as an OpenAPI 3.1 description; docs/openapi.json is this, written down.

python -m backend.web.openapi docs/openapi.json
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from backend.web.fields import (
    LARGEST_ID,
    DuplicateRequest,
    Event,
    PredictRequest,
    ProjectRequest,
    SetupRequest,
    TrainRequest,
)

Json = dict[str, Any]

WEBHOOK: list[Json] = [{"webhookSecret": []}, {"login": []}]
LOGIN: list[Json] = [{"login": []}]
OPEN: list[Json] = []
HTML, FILE = "text/html", "application/octet-stream"
REFUSALS = {
    400: "Not JSON, cut off, nested too deep, or a strange Host",
    401: "No or a wrong credential",
    408: "The body came too slowly",
    413: "The body is too long, or holds too many objects",
    415: "The content type is not JSON",
    422: "A field is missing or wrong; it is named",
    500: "Our fault; the log has the request's number",
    503: "Too many requests at once",
}
UP = {"type": "object", "required": ["status"], "properties": {"status": {"const": "UP"}}}
READINESS = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {"status": {"enum": ["READY", "NOT READY"]}, "checks": {"type": "object"}},
}
VERSION = {"type": ["string", "null"]}
ACKNOWLEDGED = {
    "type": "object",
    "required": ["queued"],
    "properties": {
        "queued": {"type": "boolean"},
        "project": {"type": "integer"},
        "ignored": {"type": "boolean"},
        "reason": {"type": "string"},
    },
}
PREDICTIONS = {
    "type": "object",
    "required": ["results", "model_version"],
    "properties": {
        "results": {"type": "array", "items": {"type": ["array", "object"]}},
        "model_version": VERSION,
    },
}
ACTIONS = ("round", "pause", "resume", "rollback", "options", "stop")
_ID = {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}
# What stands in an address, by its name there.
PARAMETERS: dict[str, Json] = {
    "project": _ID,
    "task": _ID,
    "action": {"enum": list(ACTIONS)},
    "format": {"type": "string"},
    "name": {"type": "string"},
}


def _object(**properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


@dataclass(frozen=True)
class Operation:
    """One method at one address.

    Parameters
    ----------
    body : what the request must hold, as JSON; None where it does not hold JSON
    form : what the form holds that is sent
    answers : by status, the schema of what is answered, or its content type where that is no JSON
    """

    summary: str
    security: list[Json]
    answers: dict[int, Json | str]
    body: type[BaseModel] | Json | None = None
    form: Json | None = None

    def described(self) -> Json:
        # Without a JSON body there is none to be too long, cut off or of a wrong type.
        refusals = REFUSALS if self.body is not None else (400, 401, 500, 503)
        answers = {str(status): _answer(schema) for status, schema in self.answers.items()}
        for status in refusals:
            # What the operation itself says of a status is the better word.
            answers.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
        described: Json = {"summary": self.summary, "security": self.security, "responses": answers}
        if self.body is not None:
            schema = self.body if isinstance(self.body, dict) else _reference(self.body.__name__)
            described["requestBody"] = {"required": True} | _content(schema)
        if self.form is not None:
            described["requestBody"] = {
                "content": {"application/x-www-form-urlencoded": {"schema": self.form}}
            }
        return described


def _answer(schema: Json | str) -> Json:
    return {"description": "As asked"} | _content(schema)


def _content(schema: Json | str) -> Json:
    if isinstance(schema, str):
        return {"content": {schema: {"schema": {"type": "string"}}}}
    return {"content": {"application/json": {"schema": schema}}}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


# 202: a round is asked for; 200: nothing is to be done.
_MARKED: dict[int, Json | str] = {202: ACKNOWLEDGED, 200: ACKNOWLEDGED}
_VERSIONS: dict[int, Json | str] = {200: _object(versions={"type": "array", "items": {"type": "string"}})}
OPERATIONS: dict[tuple[str, str], Operation] = {
    # Open, both: load balancers have no login.
    ("get", "/health"): Operation("Whether the web process is up", OPEN, {200: UP}),
    ("get", "/ready"): Operation(
        "Whether queue, workers and Label Studio are there", OPEN, {200: READINESS, 503: READINESS}
    ),
    ("get", "/"): Operation("The same, for those with the login", LOGIN, {200: UP}),
    ("get", "/dashboard"): Operation("How each project stands, as a page", LOGIN, {200: HTML}),
    ("get", "/dashboard/{project}"): Operation(
        "All that is known of a project", LOGIN, {200: HTML, 404: HTML}
    ),
    ("post", "/dashboard/{project}/{action}"): Operation(
        "What a project's page asks for",
        LOGIN,
        {303: HTML, 403: HTML, 404: HTML, 409: HTML, 413: HTML, 422: HTML, 503: HTML},
        form={"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}},
    ),
    ("get", "/dashboard/{project}/export/{format}"): Operation(
        "A file of a project's labels", LOGIN, {200: FILE, 403: HTML, 404: HTML, 503: HTML}
    ),
    ("get", "/dashboard/{project}/tasks/{task}/media"): Operation(
        "What a task of the queue head shows", LOGIN, {200: FILE, 404: HTML, 415: HTML}
    ),
    ("get", "/dashboard/static/{name}"): Operation(
        "A page's style sheet, script or icon", LOGIN, {200: FILE, 404: HTML}
    ),
    ("get", "/metrics"): Operation("Counters and latencies for Prometheus", LOGIN, {200: "text/plain"}),
    ("post", "/webhook"): Operation("An event that names its project", WEBHOOK, _MARKED, Event),
    ("post", "/webhook/{project}"): Operation("An event of one project", WEBHOOK, _MARKED, Event),
    ("post", "/setup"): Operation(
        "Check a labeling config and extra params", LOGIN, {200: _object(model_version=VERSION)}, SetupRequest
    ),
    ("post", "/predict"): Operation(
        "Predict tasks, in their order", LOGIN, {200: PREDICTIONS}, PredictRequest
    ),
    ("post", "/train"): Operation("Ask for a round", LOGIN, _MARKED, TrainRequest),
    ("get", "/versions"): Operation("The versions kept of the query's project", LOGIN, _VERSIONS),
    # Not a ProjectRequest: Label Studio names no project here, and gets an empty list.
    ("post", "/versions"): Operation("The versions kept of a project", LOGIN, _VERSIONS, {"type": "object"}),
    ("post", "/job_status"): Operation(
        "Always removed", LOGIN, {410: _object(job_status={"const": "removed"})}, {"type": "object"}
    ),
    ("post", "/delete"): Operation(
        "Acknowledged; deletes nothing", LOGIN, {200: _object(deleted={"const": False})}, ProjectRequest
    ),
    ("post", "/duplicate_model"): Operation(
        "Acknowledged; copies nothing", LOGIN, {200: _object(duplicated={"const": False})}, DuplicateRequest
    ),
}


def description() -> Json:
    """Return the whole description."""
    models = {one.body for one in OPERATIONS.values() if isinstance(one.body, type)}
    _, schemas = models_json_schema(
        # In a fixed order: the written file changes with the description alone.
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    error = _object(error={"type": "string"})
    error["properties"] |= {"field": {"type": "string"}, "request_id": {"type": "string"}}
    paths: dict[str, Json] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method] = operation.described()
        if names := re.findall(r"{(\w+)}", path):
            paths[path]["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": PARAMETERS[name]} for name in names
            ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Clean AL", "version": "1", "description": "docs/http.md says more."},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"] | {"Error": error},
            "responses": {
                str(status): {"description": why} | _content(_reference("Error"))
                for status, why in REFUSALS.items()
            },
            "securitySchemes": {
                "webhookSecret": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
            },
        },
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(description(), indent=1) + "\n", encoding="utf-8")
