"""Label Studio's ML backend protocol, as version 1.23 calls it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.exceptions import UnprocessableEntity

from backend.errors import ModelStoreError, SettingsError
from backend.learning.labeling_config import read_controls
from backend.loop.options import read_options
from backend.web.bodies import read_object
from backend.web.fields import (
    DuplicateRequest,
    PredictRequest,
    ProjectRequest,
    SetupRequest,
    TrainRequest,
)
from backend.web.state import web_state
from backend.web.webhooks import Answer, mark

blueprint = Blueprint("ml", __name__)


@blueprint.before_request
def _authenticate() -> None:
    web_state().gate.require_login(request)


@blueprint.post("/setup")
def setup() -> dict[str, Any]:
    """Check the labeling config and the extra params; answer the published version."""
    body = SetupRequest.model_validate(read_object())
    if body.label_config:
        read_controls(body.label_config)
    _check_options(body.extra_params)
    return {"model_version": web_state().predictor.model_version(body.project)}


@blueprint.post("/predict")
def predict() -> dict[str, Any]:
    """Answer one entry per task, in their order: a prediction, or an empty list where there is none to show.

    Label Studio stores what it gets. An empty prediction would be stored too, and one without a version, as
    there is none yet, makes it refuse to open the task; an empty list stores nothing.
    """
    body = PredictRequest.model_validate(read_object())
    predictions, version = _predict(body.project, body.tasks)
    if len(predictions) != len(body.tasks):
        raise RuntimeError(f"{len(body.tasks)} tasks got {len(predictions)} predictions")
    if version is None:
        return {"results": [[] for _ in body.tasks], "model_version": None}
    web_state().metrics.predictions.inc(len(predictions))
    answers = [for_storing(p, version) if p.get("result") else [] for p in predictions]
    return {"results": answers, "model_version": version}


@blueprint.post("/train")
def train() -> Answer:
    """Ask for a round; the call of Label Studio versions that do not send START_TRAINING."""
    return mark(TrainRequest.model_validate(read_object()).project.id, "START_TRAINING")


@blueprint.route("/versions", methods=["GET", "POST"])
def versions() -> dict[str, list[str]]:
    """Answer the versions kept of a project; Label Studio 1.23 asks without naming one, and gets none."""
    asked = read_object() if request.method == "POST" else request.args.to_dict()
    if "project" not in asked:
        return {"versions": []}
    return {"versions": web_state().predictor.versions(ProjectRequest.model_validate(asked).project)}


@blueprint.post("/job_status")
def job_status() -> Answer:
    """Answer "removed": no training is ever a job that Label Studio was given the name of."""
    read_object()
    return {"job_status": "removed"}, 410


@blueprint.post("/delete")
def delete() -> dict[str, bool]:
    """Acknowledge. Models stay until `clean-al disconnect`: a request from the network deletes nothing."""
    ProjectRequest.model_validate(read_object())
    return {"deleted": False}


@blueprint.post("/duplicate_model")
def duplicate_model() -> dict[str, bool]:
    """Acknowledge. Every project learns a model of its own."""
    DuplicateRequest.model_validate(read_object())
    return {"duplicated": False}


def for_storing(prediction: dict[str, Any], version: str) -> dict[str, Any]:
    """Return a prediction that does not disturb the queue head, whose scores are ranks below 1.

    Label Studio stores it under the published version, and serves the lowest score of that version first: a
    bare confidence would push the task into the middle of the head.
    """
    return prediction | {"score": 1.0 + float(prediction.get("score") or 0.0), "model_version": version}


def _check_options(extra_params: str | dict[str, Any] | None) -> None:
    """Refuse what a round would not use, while whoever typed it looks at the form."""
    try:
        read_options(extra_params.strip() if isinstance(extra_params, str) else extra_params)
    except SettingsError as error:
        raise UnprocessableEntity(str(error)) from None
    except RecursionError:
        raise UnprocessableEntity("extra params: nested too deep") from None


def _predict(project_id: int, tasks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    if not tasks:
        return [], web_state().predictor.model_version(project_id)
    try:
        return web_state().predictor.predict(project_id, tasks)
    except ModelStoreError:
        # A damaged model is no reason to show the annotator an error; `status` tells of it.
        return [{} for _ in tasks], None
