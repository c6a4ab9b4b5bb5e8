"""Label Studio's ML backend protocol, as version 1.23 calls it."""

from __future__ import annotations

import time
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
from backend.web.webhooks import Answer, ask_for_round

blueprint = Blueprint("ml", __name__)

# Label Studio waits 100 s; somebody looks at a page meanwhile. What is left over is answered as not known.
PREDICT_SECONDS = 30.0
FIRST_PART, LARGEST_PART = 16, 128


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
    there is none yet, makes it refuse to open the task; an empty list stores nothing. So are tasks answered
    for which the time was not enough.
    """
    body = PredictRequest.model_validate(read_object())
    if not body.tasks:
        return {"results": [], "model_version": web_state().predictor.model_version(body.project)}
    results, version = _within_budget(body.project, body.tasks)
    web_state().metrics.predictions.inc(len(results) if version is not None else 0)
    return {"results": results, "model_version": version}


@blueprint.post("/train")
def train() -> Answer:
    """Ask for a round; the call of Label Studio versions that do not send START_TRAINING."""
    return ask_for_round(TrainRequest.model_validate(read_object()).project.id, "START_TRAINING")


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


def _within_budget(
    project_id: int, tasks: list[dict[str, Any]]
) -> tuple[list[list[Any] | dict[str, Any]], str | None]:
    """Return what can be predicted in `PREDICT_SECONDS`, with [] for each task beyond, and the version."""
    results: list[list[Any] | dict[str, Any]] = []
    # Few at first: the first task may load a model, and each may have a file to be fetched.
    version, part, ends = None, FIRST_PART, time.monotonic() + PREDICT_SECONDS
    while len(results) < len(tasks) and time.monotonic() < ends:
        asked, begun = tasks[len(results) : len(results) + part], time.monotonic()
        predictions, version = _predict(project_id, asked)
        # Label Studio pairs results and tasks by their places alone.
        if len(predictions) != len(asked):
            raise RuntimeError(f"{len(asked)} tasks got {len(predictions)} predictions")
        if version is None:
            return [[] for _ in tasks], None
        results += [for_storing(p, version) if p.get("result") else [] for p in predictions]
        part = min(2 * part, LARGEST_PART) if time.monotonic() - begun < 1.0 else 1
    return results + [[] for _ in tasks[len(results) :]], version


def _predict(project_id: int, tasks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    try:
        return web_state().predictor.predict(project_id, tasks)
    except ModelStoreError:
        # A damaged model is no reason to show the annotator an error; `status` tells of it.
        return [{} for _ in tasks], None
