"""A glance at a project that tells whether anything has changed since a round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backend.label_studio.client import LabelStudio
from backend.learning.labeling_config import config_digest
from backend.loop.publish import VERSION_PREFIX
from backend.store.connection import identity_of


def observe(label_studio: LabelStudio, project_id: int) -> dict[str, Any]:
    """Return what a round depends on in Label Studio, in four cheap calls: the same again means no change.

    It sees what no webhook announces: imports that bring annotations or predictions, tasks deleted all at
    once, predictions of our head deleted.
    """
    project = label_studio.project(project_id)
    versions = label_studio.model_versions(project_id)
    return {
        "bound_to": identity_of(label_studio.url, project),
        "title": project.get("title"),
        "newest_change": asdict(label_studio.newest_changes(project_id)),
        "counts": asdict(label_studio.counts(project_id)),
        "label_config": config_digest(project["label_config"]),
        # Another number opens or closes tasks without a new time on any of them.
        "overlap": project.get("maximum_annotations"),
        "predictions": _foreign(versions),
    } | serving(project, versions)


def is_news(seen: Mapping[str, Any], covered: Mapping[str, Any] | None) -> bool:
    """Whether an observation shows what the last round does not cover.

    More predictions of our version than it left are none: Label Studio keeps those that it has asked us for.
    """
    if covered is None:
        return True
    in_place, left = seen.get("served", 0), covered.get("served", 0)
    # Fewer are news: somebody has deleted a part of the head.
    return in_place < left or {**seen, "served": 0} != {**covered, "served": 0}


def foreign_versions(label_studio: LabelStudio, project_id: int) -> dict[str, int]:
    """Return how many predictions each model version has that is none of our queue heads."""
    return _foreign(label_studio.model_versions(project_id))


def serving(project: Mapping[str, Any], versions: Mapping[str, int]) -> dict[str, Any]:
    """Return the part of an observation that our own rounds write.

    Parameters
    ----------
    versions : how many predictions each model version has
    """
    version = project.get("model_version")
    in_place = versions.get(version, 0) if version and version.startswith(VERSION_PREFIX) else 0
    return {"model_version": version, "sampling": project.get("sampling"), "served": in_place}


def _foreign(versions: Mapping[str, int]) -> dict[str, int]:
    return {version: n for version, n in versions.items() if not version.startswith(VERSION_PREFIX)}
