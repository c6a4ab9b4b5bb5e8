"""The page of one project."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.exceptions import NotFound

import exporters
from backend.web.pages.blueprint import blueprint, page, store
from backend.web.pages.curve import draw
from backend.web.pages.facts import PICTURES, ProjectFacts, Reading
from backend.web.pages.listing import page_number
from backend.web.pages.option_fields import option_fields
from backend.web.state import web_state

# What a page says after an action; a name in its address, so that nobody can make it say something else.
DONE = {
    "round": "A round is asked for.",
    "paused": "The loop is paused. The order that is served stays, and nothing that annotators do is lost.",
    "resumed": "The loop goes on. What came meanwhile is learned now.",
    "rollback": "The earlier model is asked for; a worker serves it in a moment.",
    "options": "The options are kept. The next round uses them.",
    "stopped": "The loop is off for this project, and what it had changed in Label Studio is put back.",
    "later": "It is noted. It happens as soon as the queue and a worker are up again.",
}
WIDE, NARROW = (760.0, 300.0), (340.0, 230.0)


@dataclass(frozen=True)
class Refusal:
    """Why an action was not done, and what had been filled in."""

    problem: str
    status: int = 409
    options: Mapping[str, str] | None = None


@blueprint.get("/<int:project_id>")
def project(project_id: int) -> Response:
    """Answer what is known of one project."""
    return project_page(project_id, done=DONE.get(request.args.get("done", "")))


def project_page(project_id: int, *, done: str | None = None, refusal: Refusal | None = None) -> Response:
    """Return a project's page, with a word on what was just done or refused.

    Raises
    ------
    NotFound
        The loop was never on for a project of this number.
    """
    # By the folder, not the connection: a project that is off still has models and a history to show.
    if not store().folder(project_id).is_dir():
        raise NotFound(f"the loop was never on for project {project_id}")
    state = web_state()
    facts = Reading(store(), state.statuses.one(project_id), state.files).facts(
        *(page_number(request.args.get(name, "")) for name in ("queue", "rounds", "suspects"))
    )
    return page(
        "project.html",
        refusal.status if refusal else 200,
        facts=facts,
        project=facts.status,
        insight=facts.insight,
        charts=charts(facts),
        random={point.labels: point for point in facts.insight.random},
        options=list(option_fields(facts.options, facts.used_options, refusal.options if refusal else None)),
        formats={name: form.title for name, form in exporters.FORMATS.items()},
        pictures=PICTURES,
        done=done,
        refused=refusal.problem if refusal else None,
        now=time.time(),
        pages={name: page_number(request.args.get(name, "")) for name in ("queue", "rounds", "suspects")},
    )


def charts(facts: ProjectFacts) -> list[tuple[str, Any]]:
    """Return the learning curve drawn for wide and for narrow windows; nothing without a point."""
    known, measure = facts.insight, facts.status.accuracy.measure
    if not known.curve:
        return []
    return [
        # The style sheet shows one of the two: scaled to a phone, the wide one could not be read.
        (name, draw(known.curve, facts.marks, *size, known.target, measure, known.random))
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    ]
