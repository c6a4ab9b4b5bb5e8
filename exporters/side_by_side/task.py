"""What each process is told once: the road, the labeling config, the options."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from exporters.contract import Job, NotApart, Stretched
from exporters.files import Outputs
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.options import Options, Size
from exporters.side_by_side.messages import reference, referred
from exporters.side_by_side.road import Road

_PLAIN = (str, int, float, bool, type(None))
_COMMON = ("predictions", "annotators", "strict", "sidecars", "labels")


def told(road: Road, job: Job) -> dict[str, Any]:
    """Return the task as plain values; `ValueError` where it holds what another process cannot get."""
    options = job.options
    found: dict[str, Any] = {name: getattr(options, name) for name in _COMMON}
    found["image_root"] = None if options.image_root is None else str(options.image_root)
    is_asked = callable(options.sizes)
    found["sizes"] = list(options.sizes.items()) if options.sizes and not callable(options.sizes) else []
    return {
        "read": [reference(part) for part in road.stretched],
        "pieces": reference(road.pieces),
        "is_copy": road.is_copy,
        "path": str(job.path),
        "title": job.title,
        "config": job.config.text,
        "options": found,
        "is_asked": is_asked,
        "own": [_own(each) for each in options.own],
    }


def _own(options: Any) -> tuple[str, dict[str, Any]]:
    found = {each.name: _value(getattr(options, each.name)) for each in fields(options)}
    return reference(type(options)), found


def _value(value: Any) -> list[Any]:
    """Return (whether it is a reference, the value)."""
    return [False, value] if isinstance(value, _PLAIN) else [True, reference(value)]


def road_of(task: dict[str, Any]) -> Road:
    """Return the road of a task."""
    return Road(Stretched(*map(referred, task["read"])), referred(task["pieces"]), task["is_copy"])


def job_of(task: dict[str, Any], outputs: Outputs) -> Job:
    """Return the job of a task; what it writes goes into `outputs`."""
    given = dict(task["options"])
    given["sizes"] = _asked if task["is_asked"] else dict(given["sizes"])
    own = [referred(kind)(**_taken(values)) for kind, values in task["own"]]
    options = replace(Options(**given), own=tuple(own))
    config = read_labeling_config(task["config"])
    return Job(Path(task["path"]), outputs, task["title"], config, options)


def _taken(values: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: referred(value) if is_named else value for name, (is_named, value) in values.items()}


def _asked(name: str) -> Size | None:
    """Sizes that only the caller's process can look up."""
    raise NotApart
