"""What the backend relies on about predictions and the task that is served next."""

from __future__ import annotations

import pytest

from backend.errors import LabelStudioRejected
from backend.label_studio.client import LabelStudio
from tests.contract.parts import GOOD, add_tasks, predict, state_of


def ask_by_score(client: LabelStudio, project: int, version: str) -> None:
    client.update_project(project, model_version=version, sampling="Uncertainty sampling")


def served(client: LabelStudio, project: int) -> int:
    task = client.next_task(project)
    assert task is not None
    return int(task["id"])


def label_next(client: LabelStudio, project: int) -> int:
    task = served(client, project)
    client.annotate(task, GOOD)
    return task


def test_tasks_are_served_lowest_score_first(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 6)
    order = [made[4], made[1], made[5]]
    predict(label_studio, project, "v1", {task: rank / 3 for rank, task in enumerate(order)})
    ask_by_score(label_studio, project, "v1")
    assert [label_next(label_studio, project) for _ in order] == order
    rest = {label_next(label_studio, project) for _ in range(3)}
    assert rest == {made[0], made[2], made[3]}
    assert label_studio.next_task(project) is None


def test_only_the_current_version_orders(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 4)
    predict(label_studio, project, "old", {made[0]: 0.0})
    ask_by_score(label_studio, project, "old")
    predict(label_studio, project, "new", {made[3]: 0.9, made[2]: 0.95})
    assert label_next(label_studio, project) == made[0]
    ask_by_score(label_studio, project, "new")
    assert [label_next(label_studio, project) for _ in range(2)] == [made[3], made[2]]


def test_two_annotators_share_one_order(
    label_studio: LabelStudio, colleague: LabelStudio, project: int
) -> None:
    made = add_tasks(label_studio, project, 6)
    predict(label_studio, project, "v1", {task: rank / 6 for rank, task in enumerate(made)})
    ask_by_score(label_studio, project, "v1")
    got = [label_next((label_studio, colleague)[turn % 2], project) for turn in range(6)]
    assert got == made


def test_a_task_in_hand_stays_in_hand_when_the_order_changes(
    label_studio: LabelStudio, colleague: LabelStudio, project: int
) -> None:
    made = add_tasks(label_studio, project, 4)
    predict(label_studio, project, "v1", {made[0]: 0.0, made[1]: 0.5})
    ask_by_score(label_studio, project, "v1")
    assert served(label_studio, project) == made[0]
    predict(label_studio, project, "v2", {made[0]: 0.0, made[3]: 0.5})
    ask_by_score(label_studio, project, "v2")
    assert served(label_studio, project) == made[0]
    assert served(colleague, project) == made[3]


def test_a_skipped_task_goes_to_others(
    label_studio: LabelStudio, colleague: LabelStudio, project: int
) -> None:
    made = add_tasks(label_studio, project, 2)
    label_studio.annotate(served(label_studio, project), [], was_cancelled=True)
    assert served(label_studio, project) == made[1]
    assert served(colleague, project) == made[0]


def test_the_served_task_shows_the_current_versions_prediction(
    label_studio: LabelStudio, project: int
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    predict(label_studio, project, "old", {task: 0.1})
    predict(label_studio, project, "new", {task: 0.2})
    ask_by_score(label_studio, project, "new")
    found = label_studio.next_task(project)
    assert found is not None
    assert [(one["model_version"], one["score"]) for one in found["predictions"]] == [("new", 0.2)]


def test_predictions_are_counted_by_version(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 3)
    assert label_studio.model_versions(project) == {}
    assert predict(label_studio, project, "v1", dict.fromkeys(made, 0.5)) == 3
    assert predict(label_studio, project, "v10", {made[0]: 0.5}) == 1
    assert label_studio.model_versions(project) == {"v1": 3, "v10": 1}
    assert state_of(label_studio, project, made[0])["total_predictions"] == 2
    assert len(label_studio.predictions_of(project, "v1")) == 3
    assert len(set(label_studio.predictions_of(project, "v1"))) == 3
    assert label_studio.predictions_of(project, "v2") == []


def test_deleting_a_version_leaves_the_others(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 3)
    predict(label_studio, project, "v1", dict.fromkeys(made, 0.5))
    predict(label_studio, project, "v2", dict.fromkeys(made, 0.5))
    ask_by_score(label_studio, project, "v2")
    assert label_studio.delete_model_version(project, "v1") == 3
    assert label_studio.delete_model_version(project, "v1") == 0
    assert label_studio.model_versions(project) == {"v2": 3}
    assert label_studio.project(project)["model_version"] == "v2"


def test_deleting_the_current_version_leaves_the_project_without_one(
    label_studio: LabelStudio, project: int
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    predict(label_studio, project, "v1", {task: 0.5})
    ask_by_score(label_studio, project, "v1")
    label_studio.delete_prediction(label_studio.predictions_of(project, "v1")[0])
    assert label_studio.model_versions(project) == {"v1": 0}
    label_studio.delete_model_version(project, "v1")
    assert label_studio.project(project)["model_version"] is None
    assert label_studio.model_versions(project) == {}


def test_predictions_for_a_foreign_task_are_refused_as_a_whole(
    label_studio: LabelStudio, project: int
) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    with pytest.raises(LabelStudioRejected, match="invalid"):
        predict(label_studio, project, "v1", {task: 0.1, 10**8: 0.2})
    assert label_studio.model_versions(project) == {}


def test_importing_no_predictions_is_no_error(label_studio: LabelStudio, project: int) -> None:
    assert label_studio.import_predictions(project, []) == 0
