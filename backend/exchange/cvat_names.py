"""What a project, its tasks and their images are called in CVAT, so that each tells what it is of."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote

from exporters.paths import basename, media_name, stem
from exporters.xml_text import ILLEGAL, REPLACEMENT

TASK_PREFIX = "Queue "
LONGEST_STEM = 80
_IMAGE = re.compile(r"task-(\d{1,18})-(\d{1,6})-(\d{1,6})-")


class Shown(NamedTuple):
    """Which page of which task of Label Studio an image is: its object in the config, and the place in it."""

    task_id: int
    object: int
    place: int


def tracker_of(server: str, project: dict[str, Any]) -> str:
    """Return the bug tracker of the project in CVAT: a link to the one in Label Studio.

    It says when that was made as well: a number alone is used again on every server.
    """
    # A time holds `+` and `:`, which have a meaning of their own in a link.
    made = quote(str(project.get("created_at") or ""), safe="")
    return f"{server.rstrip('/')}/projects/{project['id']}/?made={made}"


def tracker_pattern(project: dict[str, Any]) -> re.Pattern[str]:
    """Return what finds it again, under whichever address Label Studio is known by then."""
    return re.compile(re.escape(tracker_of("", project)) + "$")


def image_name(shown: Shown, address: str, suffix: str) -> str:
    """Return the name that an image is uploaded under."""
    own = ILLEGAL.sub(REPLACEMENT, stem(basename(media_name(address)))).replace("\n", " ")
    own = re.sub(r"[^\w.()+ -]", "_", own)[:LONGEST_STEM].strip() or "image"
    return f"task-{shown.task_id}-{shown.object}-{shown.place}-{own}{suffix}"


def shown_by(name: str) -> Shown | None:
    """Return what an image of ours shows; None for any other image."""
    found = _IMAGE.match(basename(name))
    return None if found is None else Shown(*map(int, found.groups()))
