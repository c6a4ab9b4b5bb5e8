"""The page over all projects."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import Response, request

from backend.project.overview import ProjectStatus
from backend.web.pages.blueprint import blueprint, page
from backend.web.pages.listing import ORDERS, Wanted, states
from backend.web.state import web_state


@blueprint.get("")
def overview() -> Response:
    """Answer how every project stands."""
    # All, though a page shows few: sums, counts of states and the order go over every one.
    projects = web_state().statuses.all()
    wanted = Wanted.of(request.args)
    return page(
        "overview.html",
        found=wanted.among(projects),
        wanted=wanted,
        states=states(projects),
        orders={name: words for name, (words, _) in ORDERS.items()},
        total=len(projects),
        labels=sum(p.labels for p in projects),
        wrong=sum(p.problem is not None for p in projects),
        everywhere=shared_problem(projects),
        now=time.time(),
    )


def shared_problem(projects: Sequence[ProjectStatus]) -> str | None:
    """Return the problem that several connected projects have and none is without, such as a queue away."""
    problems = [p.problem for p in projects if p.connected]
    return problems[0] if len(problems) > 1 and len(set(problems)) == 1 else None
