"""What the backend relies on about reading tasks and noticing changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from backend.errors import LabelStudioNotFound, LabelStudioRejected
from backend.label_studio.client import LabelStudio, greater
from tests.contract.conftest import CONFIG
from tests.contract.parts import BAD, GOOD, add_tasks, predict, state_of


def ids(pages: Any) -> list[list[int]]:
    return [[task["id"] for task in page] for page in pages]


def test_import_returns_the_ids_in_the_order_given(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 3)
    assert made == sorted(made)
    texts = [label_studio.task(task)["data"]["text"] for task in made]
    assert texts == ["text 0", "text 1", "text 2"]


def test_an_import_needs_the_fields_that_the_config_names(label_studio: LabelStudio, project: int) -> None:
    with pytest.raises(LabelStudioRejected, match="text"):
        label_studio.import_tasks(project, [{"data": {"other": 1}}])
    with pytest.raises(LabelStudioRejected, match="No tasks"):
        label_studio.import_tasks(project, [])


def test_pages_come_by_id_and_hold_only_what_was_asked_for(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 5)
    pages = list(label_studio.iter_tasks(project, include=["data"], page_size=2))
    assert ids(pages) == [made[:2], made[2:4], made[4:]]
    assert pages[0][0] == {"id": made[0], "data": {"text": "text 0"}}


def test_full_last_pages_and_empty_projects_end_the_reading(label_studio: LabelStudio, project: int) -> None:
    assert list(label_studio.iter_tasks(project, include=[])) == []
    made = add_tasks(label_studio, project, 4)
    assert ids(label_studio.iter_tasks(project, include=[], page_size=2)) == [made[:2], made[2:]]
    numbered = label_studio.iter_tasks(project, include=[], page_size=2, ordering="-tasks:id")
    assert ids(numbered) == [made[:1:-1], made[1::-1]]


def test_tasks_that_vanish_between_pages_hide_no_others(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 6)
    pages = label_studio.iter_tasks(project, include=[], page_size=2)
    seen = [task["id"] for task in next(pages)]
    label_studio.delete_tasks(project, [made[0], made[2]])
    late = add_tasks(label_studio, project, 1)
    seen += [task["id"] for page in pages for task in page]
    assert seen == [made[0], made[1], made[3], made[4], made[5], *late]


def test_numbered_pages_end_when_tasks_vanish(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 4)
    pages = label_studio.iter_tasks(project, include=[], page_size=2, ordering="tasks:id")
    assert ids([next(pages)]) == [made[:2]]
    label_studio.delete_tasks(project, made[1:])
    assert ids(pages) == []


def test_filters_choose_new_labeled_and_changed_tasks(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 4)
    before = label_studio.newest_change(project)
    assert before is not None
    label_studio.annotate(made[1], GOOD)
    label_studio.annotate(made[2], [], was_cancelled=True)
    for where, expected in [
        ([greater("id", made[1])], [made[2:]]),
        ([greater("total_annotations", 0)], [[made[1]]]),
        ([greater("cancelled_annotations", 0)], [[made[2]]]),
        ([greater("updated_at", before)], [[made[1], made[2]]]),
        ([greater("updated_at", before), greater("total_annotations", 0)], [[made[1]]]),
        ([greater("updated_at", "2100-01-01T00:00:00Z")], []),
    ]:
        assert ids(label_studio.iter_tasks(project, include=[], where=where)) == expected


def test_changes_are_told_apart_to_the_microsecond(label_studio: LabelStudio, project: int) -> None:
    made = add_tasks(label_studio, project, 2)
    label_studio.annotate(made[0], GOOD)
    newest = label_studio.newest_change(project)
    assert newest is not None
    assert newest == state_of(label_studio, project, made[0])["updated_at"]
    assert ids(label_studio.iter_tasks(project, include=[], where=[greater("updated_at", newest)])) == []
    label_studio.annotate(made[1], GOOD)
    found = label_studio.iter_tasks(project, include=[], where=[greater("updated_at", newest)])
    assert ids(found) == [[made[1]]]


def test_a_project_without_tasks_has_no_newest_change(label_studio: LabelStudio, project: int) -> None:
    assert label_studio.newest_change(project) is None


def test_annotations_come_whole(label_studio: LabelStudio, project: int) -> None:
    task = add_tasks(label_studio, project, 1)[0]
    made = label_studio.annotate(task, BAD, lead_time=1.5)
    page = next(label_studio.iter_tasks(project, include=["is_labeled"], with_annotations=True))
    found = page[0]["annotations"][0]
    assert page[0]["is_labeled"] is True
    assert (found["id"], found["result"], found["lead_time"]) == (made["id"], BAD, 1.5)
    assert (found["was_cancelled"], found["ground_truth"]) == (False, False)
    assert found["completed_by"] == label_studio.whoami()["id"]
    assert found["updated_at"] >= found["created_at"]


def test_what_moves_a_tasks_time_and_what_does_not(label_studio: LabelStudio, project: int) -> None:
    task = add_tasks(label_studio, project, 2)[0]

    def moves(change: Callable[[], Any]) -> bool:
        before = state_of(label_studio, project, task)["updated_at"]
        change()
        return bool(state_of(label_studio, project, task)["updated_at"] != before)

    client, annotations = label_studio, []
    assert moves(lambda: annotations.append(client.annotate(task, GOOD)["id"]))
    assert moves(lambda: client.update_annotation(annotations[0], result=BAD))
    assert moves(lambda: client.update_annotation(annotations[0], ground_truth=True))
    assert moves(lambda: client.delete_annotation(annotations[0]))
    assert moves(lambda: client.annotate(task, [], was_cancelled=True))
    assert not moves(lambda: predict(client, project, "v1", {task: 0.1}))
    assert not moves(lambda: client.update_project(project, model_version="v1"))
    assert moves(lambda: client.delete_prediction(client.predictions_of(project, "v1")[0]))
    assert not moves(lambda: predict(client, project, "v2", {task: 0.1}))
    assert not moves(lambda: client.delete_model_version(project, "v2"))
    assert not moves(lambda: client.next_task(project))


@pytest.mark.parametrize(
    ("skip_queue", "labeled"),
    [("REQUEUE_FOR_ME", False), ("REQUEUE_FOR_OTHERS", False), ("IGNORE_SKIPPED", True)],
)
def test_a_skip_counts_by_the_projects_setting(
    label_studio: LabelStudio, project: int, skip_queue: str, labeled: bool
) -> None:
    label_studio.update_project(project, skip_queue=skip_queue)
    task = add_tasks(label_studio, project, 1)[0]
    label_studio.annotate(task, [], was_cancelled=True)
    state = state_of(label_studio, project, task)
    assert state["is_labeled"] is labeled
    assert (state["total_annotations"], state["cancelled_annotations"]) == (0, 1)


def test_a_task_that_wants_two_annotations_is_open_after_one(
    label_studio: LabelStudio, colleague: LabelStudio
) -> None:
    number = label_studio.create_project(title="two each", label_config=CONFIG, maximum_annotations=2)["id"]
    task = add_tasks(label_studio, number, 1)[0]
    label_studio.annotate(task, GOOD)
    assert state_of(label_studio, number, task)["is_labeled"] is False
    colleague.annotate(task, BAD)
    assert state_of(label_studio, number, task)["is_labeled"] is True
    label_studio.delete_project(number)


def test_a_finished_task_can_be_opened_for_another_annotator(
    label_studio: LabelStudio, colleague: LabelStudio, project: int
) -> None:
    done, new = add_tasks(label_studio, project, 2)
    label_studio.annotate(done, GOOD)
    before = state_of(label_studio, project, done)
    label_studio.update_task(done, overlap=2, is_labeled=False)
    opened = state_of(label_studio, project, done)
    assert opened["is_labeled"] is False
    assert opened["updated_at"] > before["updated_at"]
    assert label_studio.counts(project).finished == 0
    predictions = [
        {"task": done, "model_version": "v1", "score": 0.1, "result": []},
        {"task": new, "model_version": "v1", "score": 0.5, "result": []},
    ]
    label_studio.import_predictions(project, predictions)
    label_studio.update_project(project, model_version="v1", sampling="Uncertainty sampling")
    mine, theirs = label_studio.next_task(project), colleague.next_task(project)
    assert mine is not None
    assert theirs is not None
    assert (mine["id"], theirs["id"]) == (new, done)
    colleague.annotate(done, BAD)
    assert state_of(label_studio, project, done)["is_labeled"] is True
    label_studio.update_task(done, overlap=1, is_labeled=True)
    assert state_of(label_studio, project, done)["is_labeled"] is True


def test_imported_annotations_count_as_ground_truth(label_studio: LabelStudio, project: int) -> None:
    label_studio.import_tasks(project, [{"data": {"text": "t"}, "annotations": [{"result": GOOD}]}])
    page = next(label_studio.iter_tasks(project, include=["is_labeled"], with_annotations=True))
    assert page[0]["is_labeled"] is True
    assert page[0]["annotations"][0]["ground_truth"] is True


def test_odd_texts_come_back_as_they_went(label_studio: LabelStudio, project: int) -> None:
    odd = ["", "naïve 😀", "line\nbreak\t", "</script>", "x" * 100_000]
    label_studio.import_tasks(project, [{"data": {"text": text}} for text in odd])
    page = next(label_studio.iter_tasks(project, include=["data"]))
    assert [task["data"]["text"] for task in page] == odd


def test_a_deleted_task_is_gone_and_deleting_it_again_is_no_error(
    label_studio: LabelStudio, project: int
) -> None:
    gone, stays = add_tasks(label_studio, project, 2)
    label_studio.delete_tasks(project, [gone])
    label_studio.delete_tasks(project, [gone])
    assert ids(label_studio.iter_tasks(project, include=[])) == [[stays]]
    with pytest.raises(LabelStudioNotFound):
        label_studio.task(gone)


def test_numbers_beyond_every_task_match_none(label_studio: LabelStudio, project: int) -> None:
    add_tasks(label_studio, project, 1)
    assert ids(label_studio.iter_tasks(project, include=[], where=[greater("id", math.pow(2, 52))])) == []
