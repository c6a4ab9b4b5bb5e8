"""Telling Label Studio: the queue head in one call, then the switch, then the clearing up."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudio
from backend.label_studio.tasks import has_version
from backend.loop.lease import Lease
from backend.store.models import Published

logger = logging.getLogger(__name__)

SAMPLING = "Uncertainty sampling"
VERSION_PREFIX = "clean-al-"
# Of our ML backend, which Label Studio may make a project's model version.
TITLE = "Clean AL"
# The project's settings that serving changes.
FOUND = ("sampling", "model_version")
# A bulk deletion locks a SQLite install for a fraction of a second; a long backlog takes several rounds.
DELETIONS_PER_ROUND = 10


def new_version(fence: int) -> str:
    """Return a name that no earlier round had, even in a store that was wiped; later ones sort after."""
    return f"{VERSION_PREFIX}{fence:06d}-{secrets.token_hex(3)}"


def is_served(label_studio: LabelStudio, project: dict[str, Any], published: Published) -> bool:
    """Return whether annotators get the published head.

    Label Studio itself puts an ML backend's title into the project's model_version, and then serves tasks at
    random; somebody may also have changed the sampling, or deleted predictions of ours: tasks without one
    are served last.
    """
    if not published.head:
        return True
    if project.get("sampling") != SAMPLING or project.get("model_version") != published.version:
        return False
    in_place = label_studio.model_versions(project["id"]).get(published.version, 0)
    return in_place >= (1 if published.stored is None else published.stored)


def serve_head(
    label_studio: LabelStudio,
    project_id: int,
    predictions: Sequence[dict[str, Any]],
    version: str,
    lease: Lease,
) -> int:
    """Write a queue head and switch to it; annotators see the old order or the new one, nothing between.

    What Label Studio refuses to show keeps its place in the order and shows nothing.

    Returns
    -------
    int, how many predictions of it are in place
    """
    if not predictions:
        return 0
    # One call, since each one makes Label Studio count all tasks of the project anew.
    stored = label_studio.import_predictions(project_id, list(predictions))
    if stored < len(predictions):
        stored += _write_bare(label_studio, project_id, predictions, version)
    lease.check()
    label_studio.update_project(project_id, model_version=version, sampling=SAMPLING)
    return stored


def _write_bare(
    label_studio: LabelStudio, project_id: int, predictions: Sequence[dict[str, Any]], version: str
) -> int:
    """Write the predictions that were refused again, without a result: a task without one is served last.

    Label Studio answers 201 and drops those whose result does not fit the labeling config.
    """
    pages = label_studio.iter_tasks(
        project_id, include=["id", "predictions", "model_version"], where=[has_version(version)]
    )
    there = {
        task["id"]
        for page in pages
        for task in page
        if any(p["model_version"] == version for p in task["predictions"])
    }
    bare = [{**p, "result": []} for p in predictions if p["task"] not in there]
    logger.warning("project %s: Label Studio refuses to show %d predictions", project_id, len(bare))
    return label_studio.import_predictions(project_id, bare) if bare else 0


def clean_up(label_studio: LabelStudio, project_id: int, published: Published, lease: Lease) -> None:
    """Delete queue heads before the last; the last one stays for those who have it open.

    Whole versions are deleted, never single predictions: these would touch their tasks' updated_at.
    """
    keep = {published.version, published.previous}
    try:
        counts = label_studio.model_versions(project_id)
        old = sorted(v for v, n in counts.items() if v.startswith(VERSION_PREFIX) and v not in keep and n)
        # After the list: while the lease is ours, nobody can have written a newer head that stands on it.
        lease.check()
        for version in old[:DELETIONS_PER_ROUND]:
            label_studio.delete_model_version(project_id, version)
    except LabelStudioError as error:
        logger.warning("project %s: old predictions stay until the next round: %s", project_id, error)


def stop_serving(label_studio: LabelStudio, project: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Put the sampling and the model version back to what was found; return what was changed, a line each."""
    changes = []
    for name in FOUND:
        if name not in found or project.get(name) == found[name] or not _is_of_ours(name, project.get(name)):
            continue
        try:
            label_studio.update_project(
                project["id"], **{name: found[name] if found[name] is not None else ""}
            )
            changes.append(f"{name}: {project.get(name)} -> {found[name]}")
        except LabelStudioError as error:
            changes.append(f"{name} stays {project.get(name)}: {error}")
    return changes


def _is_of_ours(name: str, value: Any) -> bool:
    """Whether a project's setting is what the loop has made of it; what a person chose since stays."""
    if name == "sampling":
        return bool(value == SAMPLING)
    return not value or value == TITLE or str(value).startswith(VERSION_PREFIX)
