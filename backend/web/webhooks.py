"""The webhook edge: learn that a project changed, write that down, answer. Nothing is trained here."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Blueprint, request
from werkzeug.exceptions import RequestEntityTooLarge, UnprocessableEntity

from backend.log_context import about
from backend.web.bodies import read_object
from backend.web.deferral import Outcome
from backend.web.fields import Event, ProjectRequest
from backend.web.state import WebState, web_state

logger = logging.getLogger(__name__)

blueprint = Blueprint("webhooks", __name__)

Answer = tuple[dict[str, Any], int]

# Events that can change what a round learns from or chooses among. The singular ANNOTATION_DELETED is what
# older versions of Label Studio send.
LEARNING_ACTIONS = frozenset(
    {
        "ANNOTATION_CREATED",
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATION_DELETED",
        "ANNOTATIONS_DELETED",
        "TASKS_CREATED",
        "TASKS_DELETED",
        "START_TRAINING",
        "PROJECT_UPDATED",
    }
)
OFF = "the loop is not on for this project"
IGNORED: Answer = ({"queued": False, "ignored": True}, 200)


@blueprint.before_request
def _authenticate() -> None:
    web_state().gate.require_webhook(request)


@blueprint.post("/webhook")
def receive() -> Answer:
    """Take a webhook whose payload names its project."""
    event = Event.model_validate(read_object())
    return _handle(event, event.project.id if event.project else None)


@blueprint.post("/webhook/<int:project>")
def receive_for(project: int) -> Answer:
    """Take a webhook of one project; its payload, which Label Studio may leave out, names no other."""
    project = ProjectRequest(project=project).project
    try:
        body = read_object()
    except RequestEntityTooLarge:
        # A bulk import makes such bodies. What matters of them is known from the address.
        ask_for_round(project, "TOO_LARGE")
        raise
    event = Event.model_validate(body)
    if event.project and event.project.id != project:
        raise UnprocessableEntity(f"project: the address says {project}, the body another one")
    return _handle(event, project)


def ask_for_round(project_id: int, reason: str) -> Answer:
    """Ask for a round of this project and return what the sender is told."""
    state = web_state()
    outcome = mark(state, project_id, reason)
    count_outcome(state, outcome)
    return told(project_id, outcome)


def mark(state: WebState, project_id: int, reason: str) -> Outcome:
    """Ask for a round of this project and return what became of that."""
    with about(project=project_id, event=secrets.token_hex(4)):
        outcome = state.marks.mark(project_id, reason)
        logger.debug("%s: %s", reason, outcome.name.lower())
    return outcome


def count_outcome(state: WebState, outcome: Outcome) -> None:
    """Count one webhook by what became of it."""
    metrics = state.metrics
    counters = {Outcome.QUEUED: metrics.acked, Outcome.DEFERRED: metrics.deferred}
    counters.get(outcome, metrics.ignored).inc()


def told(project_id: int, outcome: Outcome) -> Answer:
    """Return what the sender of a webhook is told."""
    if outcome is Outcome.OFF:
        return {"queued": False, "project": project_id, "ignored": True, "reason": OFF}, 200
    return {"queued": outcome is Outcome.QUEUED, "project": project_id}, 202


def count_action(state: WebState, action: str) -> bool:
    """Count one webhook by its action, and return whether that is one that a round learns from."""
    known = action in LEARNING_ACTIONS
    # What is not known counts as one: a sender must not be able to make series without end.
    state.metrics.received.labels(action if known else "other").inc()
    return known


def is_new_config(state: WebState, event: Event, project_id: int) -> bool:
    """Return whether the labeling config that comes with an event may be another one; remember it."""
    config = event.project.label_config if event.project else None
    return config is None or state.label_configs.is_news(project_id, config)


def _handle(event: Event, project_id: int | None) -> Answer:
    state = web_state()
    known = count_action(state, event.action)
    if known and project_id is None:
        raise UnprocessableEntity("project: missing; send the payload, or use /webhook/<project id>")
    if project_id is None or not known or not _may_teach(event, project_id):
        state.metrics.ignored.inc()
        return IGNORED
    return ask_for_round(project_id, event.action)


def _may_teach(event: Event, project_id: int) -> bool:
    """Whether a round could find something new.

    Of PROJECT_UPDATED only a new labeling config counts: our own switch of the model version causes that
    event too. When there is no knowing, a round that finds nothing new costs little.
    """
    is_news = is_new_config(web_state(), event, project_id)
    return is_news or event.action != "PROJECT_UPDATED"
