"""Small things that the contract tests share."""

from __future__ import annotations

from typing import Any

from backend.label_studio.client import LabelStudio, greater


def choice(label: str) -> list[dict[str, Any]]:
    """Return a result of the project's one control."""
    value = {"choices": [label]}
    return [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}]


GOOD, BAD = choice("good"), choice("bad")
STATE = ("is_labeled", "total_annotations", "cancelled_annotations", "total_predictions")


def add_tasks(client: LabelStudio, project: int, count: int) -> list[int]:
    """Import that many tasks."""
    return client.import_tasks(project, [{"data": {"text": f"text {row}"}} for row in range(count)])


def state_of(client: LabelStudio, project: int, task: int) -> dict[str, Any]:
    """Return a task's state and times, as the Data Manager has them."""
    pages = client.iter_tasks(
        project, include=[*STATE, "updated_at"], where=[greater("id", task - 1)], page_size=1
    )
    found = next(pages)[0]
    assert found["id"] == task
    return found


def predict(client: LabelStudio, project: int, version: str, scores: dict[int, float]) -> int:
    """Import a prediction for each task, with its score."""
    rows = [
        {"task": task, "model_version": version, "score": score, "result": GOOD}
        for task, score in scores.items()
    ]
    return client.import_predictions(project, rows)
