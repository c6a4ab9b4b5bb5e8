"""The tab in Label Studio's Data Manager that shows a reviewer the likely wrong labels, the likeliest first.

Label Studio orders a tab by what it knows of tasks. So each suspect task has a prediction of the served
version, empty, with a score from 0.9995 to 1 that falls with the doubt: the tab shows scores from 0.9995 on,
lowest first. Places in the queue are below (the last of 1000 has 0.999), so nobody is served a task earlier
for it, and with the version these predictions go, too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudio
from backend.loop.lease import Lease
from backend.loop.situation import Situation
from backend.store.insight import Suspect
from backend.store.models import Published

logger = logging.getLogger(__name__)

TITLE = "Clean AL: check these"
SCORE = "tasks:predictions_score"
# Label Studio takes no score above 1.
LEAST_SCORE, MOST_SCORE = 0.9995, 1.0
# A reviewer's day; the list of all is in `clean-al suspects`.
MOST = 200
DATA: dict[str, Any] = {
    "title": TITLE,
    "type": "list",
    "target": "tasks",
    "filters": {
        "conjunction": "and",
        "items": [
            {
                "filter": f"filter:{SCORE}",
                "operator": "greater_or_equal",
                "type": "Number",
                "value": LEAST_SCORE,
            }
        ],
    },
    "ordering": [SCORE],
}


def ensure_tab(label_studio: LabelStudio, project_id: int, known: int | None) -> tuple[int, str | None]:
    """Return the id of the tab and what was done; one that was there, by its id, stays as people made it."""
    tabs = label_studio.tabs(project_id)
    if known is not None and any(tab["id"] == known for tab in tabs):
        return known, None
    if not tabs:
        # Label Studio makes this one by itself only as long as there is no other.
        label_studio.create_tab(project_id, {"title": "Default", "type": "list", "target": "tasks"})
    return int(label_studio.create_tab(project_id, DATA)["id"]), f"Data Manager tab added: {TITLE}"


def remove_tab(label_studio: LabelStudio, project_id: int, known: int | None) -> list[str]:
    """Remove the tab that was made; return what was done, a line at most."""
    if known is None or all(tab["id"] != known for tab in label_studio.tabs(project_id)):
        return []
    label_studio.delete_tab(known)
    return [f"Data Manager tab removed: {TITLE}"]


def to_check(situation: Situation, suspects: Iterable[Suspect], version: str) -> list[dict[str, Any]]:
    """Return a prediction for each suspect task, the likeliest wrong ones."""
    labeled = set(situation.labels.task_ids.tolist())
    scores: dict[int, float] = {}
    for suspect in suspects:
        if suspect.task in labeled:
            sure = min(max(suspect.score, 0.0), 1.0)
            score = MOST_SCORE - sure * (MOST_SCORE - LEAST_SCORE)
            # What the subtraction rounds down to must not fall out of the tab.
            score = max(score, LEAST_SCORE)
            scores[suspect.task] = min(score, scores.get(suspect.task, MOST_SCORE))
    likeliest = sorted(scores.items(), key=lambda item: item[1])[:MOST]
    return [{"task": task, "model_version": version, "score": s, "result": []} for task, s in likeliest]


def show_suspects(
    label_studio: LabelStudio,
    situation: Situation,
    suspects: Iterable[Suspect],
    published: Published,
    lease: Lease,
) -> int:
    """Bring the tab up to date, once the order is served, and return how many predictions that took.

    Where Label Studio refuses, the next round does it.
    """
    # One that another annotator is asked about has a place in the queue; the tab goes by the mean of both.
    shown = (s for s in suspects if s.task not in set(published.second))
    predictions = to_check(situation, shown, published.version)
    if not predictions:
        return 0
    project, stored = int(situation.project["id"]), 0
    try:
        lease.check()
        stored = label_studio.import_predictions(project, predictions)
        if not published.head:
            # Nothing is left to serve, so nothing has switched to this version, and the tab goes by it.
            label_studio.update_project(project, model_version=published.version)
    except LabelStudioError as error:
        logger.warning("project %s: the tab of likely wrong labels stays behind: %s", project, error)
    return stored
