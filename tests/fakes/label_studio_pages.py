"""The fake's Data Manager: filters, orderings, pages and chosen fields of tasks."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.fakes.label_studio_world import Json, Refused, World

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "greater": operator.gt,
    "greater_or_equal": operator.ge,
    "less": operator.lt,
    "less_or_equal": operator.le,
}
COLUMNS = (
    "id",
    "updated_at",
    "created_at",
    "total_annotations",
    "cancelled_annotations",
    "total_predictions",
)
NESTED = ("annotations", "predictions", "drafts")


def task_page(world: World, params: dict[str, str]) -> Json:
    """Return what GET /api/tasks/ answers."""
    project = world.get("projects", params.get("project", 0))["id"]
    query = json.loads(params.get("query", "{}"))
    items = query.get("filters", {}).get("items", [])
    tasks = [task for task in world.tasks_of(project) if all(_holds(world, task, item) for item in items)]
    column = (query.get("ordering") or ["tasks:id"])[0]
    tasks.sort(key=lambda task: task[_column(column.lstrip("-"), "tasks:")], reverse=column.startswith("-"))
    page, size = int(params.get("page", 1)), int(params.get("page_size", 100))
    shown = tasks[(page - 1) * size : page * size]
    if page > 1 and not shown:
        raise Refused(404, "Invalid page.")
    return {
        "total": len(tasks),
        "total_annotations": sum(task["total_annotations"] for task in tasks),
        "total_predictions": sum(task["total_predictions"] for task in tasks),
        "tasks": [_chosen(whole(world, task, params.get("fields") == "all"), params) for task in shown],
    }


def whole(world: World, task: Json, nested: bool = True) -> Json:
    """Return a task with its annotations and predictions."""
    lists = {
        "annotations": world.annotations_of(task["id"]),
        "predictions": world.predictions_of(task["id"]),
        "drafts": [],
    }
    return task | (lists if nested else {})


def _column(name: str, prefix: str) -> str:
    column = name.removeprefix(prefix)
    if column not in COLUMNS:
        raise Refused(501, f"the fake has no Data Manager column {column}; add it to COLUMNS")
    return column


def _holds(world: World, task: Json, item: Json) -> bool:
    if item["filter"] == "filter:tasks:predictions_model_versions" and item["operator"] == "contains":
        versions = [one["model_version"] for one in world.predictions_of(task["id"])]
        return any(part in version for part in item["value"] for version in versions)
    value = task[_column(item["filter"], "filter:tasks:")]
    if item["operator"] not in COMPARISONS:
        raise Refused(501, f"the fake has no Data Manager operator {item['operator']}")
    if item["type"] == "Datetime":
        return COMPARISONS[item["operator"]](_time(value), _time(item["value"]))
    return COMPARISONS[item["operator"]](value, float(item["value"]))


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError as error:
        raise Refused(500, str(error)) from None


def _chosen(task: Json, params: dict[str, str]) -> Json:
    """Return the fields that `include` names; it counts for nested objects too."""
    if "include" not in params:
        return task
    fields = set(params["include"].split(","))

    def only(one: Json) -> Json:
        return {name: value for name, value in one.items() if name in fields}

    return only(task) | {
        name: [only(one) for one in task[name]] for name in NESTED if name in fields and name in task
    }
