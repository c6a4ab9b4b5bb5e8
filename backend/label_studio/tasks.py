"""Reads a project's tasks page by page, while annotators add, change and delete them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.errors import LabelStudioNotFound
from backend.label_studio.http import Transport

Json = dict[str, Any]

ANNOTATION_FIELDS = (
    "annotations", "result", "was_cancelled", "ground_truth",
    "created_at", "updated_at", "completed_by", "lead_time",
)  # fmt: skip
"""What `include` must name for annotations to arrive whole: it filters nested keys too."""


def greater(column: str, value: float | str) -> Json:
    """Return a Data Manager filter for tasks whose column is above a number or, given a str, after a time.

    Label Studio answers 500 to a time without fraction or Z: every ISO 8601 time is brought into that form.
    """
    if not isinstance(value, str):
        return {"filter": f"filter:tasks:{column}", "operator": "greater", "type": "Number", "value": value}
    return _time_filter(column, "greater", value)


def has_version(version: str) -> Json:
    """Return a Data Manager filter for tasks with a prediction of a model version, or of a longer name."""
    column = "filter:tasks:predictions_model_versions"
    return {"filter": column, "operator": "contains", "type": "List", "value": [version]}


def at_most(column: str, value: str) -> Json:
    """Return a Data Manager filter for tasks whose column is not after a time."""
    return _time_filter(column, "less_or_equal", value)


def _time_filter(column: str, operator: str, value: str) -> Json:
    moment = datetime.fromisoformat(value)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": "Datetime", "value": text}


def page_request(project_id: int, include: Sequence[str], page_size: int, annotations: bool = False) -> Json:
    """Return the parameters that ask for these fields of a project's tasks."""
    fields = ["id", *include, *(ANNOTATION_FIELDS if annotations else ())]
    request: Json = {"project": project_id, "page_size": page_size}
    request["include"] = ",".join(dict.fromkeys(fields))
    if annotations or "predictions" in include:
        request["fields"] = "all"  # without it nested lists are left out in silence
    return request


def pages_by_id(http: Transport, request: Json, where: Sequence[Json]) -> Iterator[list[Json]]:
    """Yield pages in the order of ids, each asking for the ids above the last one.

    A task that is there from first to last page comes exactly once, whatever vanishes or appears meanwhile.
    """
    above: list[Json] = []
    while True:
        answer = http.call("GET", "/api/tasks/", params=request | _query([*where, *above]))
        tasks = answer["tasks"]
        if tasks:
            yield tasks
        # `total` counts what is above the last id: when this page holds that many, there is no other.
        if not tasks or len(tasks) >= answer["total"]:
            return
        above = [greater("id", tasks[-1]["id"])]


def pages_by_number(
    http: Transport, request: Json, where: Sequence[Json], ordering: str
) -> Iterator[list[Json]]:
    """Yield pages in another order. None comes twice; one can be missed when others vanish meanwhile."""
    seen: set[int] = set()
    query, page = _query(where, ordering), 1
    while True:
        try:
            answer = http.call("GET", "/api/tasks/", params=request | query | {"page": page})
        except LabelStudioNotFound:
            if page > 1:  # past the end; the first page would have said that there is no such project
                return
            raise
        # A task that moved down while we read stands on two pages.
        tasks = [task for task in answer["tasks"] if task["id"] not in seen]
        seen.update(task["id"] for task in tasks)
        if tasks:
            yield tasks
        if not answer["tasks"] or len(seen) >= answer["total"]:
            return
        page += 1


def _query(where: Sequence[Json], ordering: str | None = None) -> Json:
    query: Json = {"filters": {"conjunction": "and", "items": list(where)}}
    if ordering:
        query["ordering"] = [ordering]
    return {"query": json.dumps(query)}
