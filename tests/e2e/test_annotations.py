"""What annotators can do to a task besides labeling it once, all through the real API."""

from __future__ import annotations

import pytest

from backend.label_studio.client import LabelStudio
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, choice, text_config, texts


@pytest.fixture(scope="module")
def tasks(loop: Loop, admin: LabelStudio) -> dict[str, list[int]]:
    """A connected project with four labels, "none" never chosen; its id stands under "project"."""
    config = text_config("sport", "food", "space", "none")
    project = int(admin.create_project(title="annotations", label_config=config)["id"])
    ids = admin.import_tasks(project, texts(40))
    loop.connected(project)
    return {"project": [project], "ids": ids}


def classes(loop: Loop, project: int) -> dict[str, int]:
    """Return how many tasks carry each label, as the last round saw it."""
    return dict(loop.catch_up(project).report["classes"])


def test_the_majority_the_ground_truth_and_nothing_else_count(
    loop: Loop, first: Annotator, second: Annotator, tasks: dict[str, list[int]]
) -> None:
    (project,), ids = tasks["project"], tasks["ids"]
    ours, theirs = first.label_studio, second.label_studio
    # One label each.
    ours.annotate(ids[0], choice("sport"))
    ours.annotate(ids[1], choice("food"))
    # Two against one.
    for user, label in ((ours, "space"), (theirs, "sport"), (ours, "space")):
        user.annotate(ids[2], choice(label))
    # The ground truth against two.
    ours.annotate(ids[3], choice("sport"))
    ours.annotate(ids[3], choice("sport"))
    theirs.annotate(ids[3], choice("food"), ground_truth=True)
    # One against one: the latest.
    ours.annotate(ids[4], choice("sport"))
    theirs.annotate(ids[4], choice("food"))
    # Empty, and skipped.
    ours.annotate(ids[5], [])
    first.skip(ids[6])
    wait_for("five labels", lambda: loop.status(project).labels == 5)
    assert classes(loop, project) == {"sport": 1, "food": 3, "space": 1}
    report = loop.progress(project).report
    # Where there is a ground truth, it alone speaks: the fourth task is not one of them.
    assert [note for note in report["notes"] if "disagree" in note] == [
        "annotators disagree on 2 tasks; the majority counts"
    ]
    assert report["candidates"] == 33
    assert not {*ids[:7]} & {*loop.head(project)}


def test_a_label_that_nobody_chose_is_said_and_does_no_harm(loop: Loop, tasks: dict[str, list[int]]) -> None:
    (project,) = tasks["project"]
    report = loop.catch_up(project).report
    assert report["has_model"]
    assert "labels never chosen yet: none" in report["notes"]


def test_a_skip_taken_back_becomes_a_label(loop: Loop, first: Annotator, tasks: dict[str, list[int]]) -> None:
    (project,), ids = tasks["project"], tasks["ids"]
    (skipped,) = first.label_studio.task(ids[6])["annotations"]
    first.label_studio.update_annotation(skipped["id"], was_cancelled=False, result=choice("space"))
    wait_for("six labels", lambda: loop.status(project).labels == 6)
    assert classes(loop, project) == {"sport": 1, "food": 3, "space": 2}


def test_a_changed_and_a_deleted_annotation_change_the_model(
    loop: Loop, first: Annotator, tasks: dict[str, list[int]]
) -> None:
    (project,), ids = tasks["project"], tasks["ids"]
    (changed,) = first.label_studio.task(ids[0])["annotations"]
    first.label_studio.update_annotation(changed["id"], result=choice("space"))
    wait_for("the change is seen", lambda: classes(loop, project) == {"food": 3, "space": 3})
    (gone,) = first.label_studio.task(ids[1])["annotations"]
    first.label_studio.delete_annotation(gone["id"])
    wait_for("the deletion is seen", lambda: classes(loop, project) == {"food": 2, "space": 3})
    assert loop.progress(project).report["candidates"] == 34


def test_a_label_that_left_the_config_is_not_learned_from(
    loop: Loop, admin: LabelStudio, first: Annotator, tasks: dict[str, list[int]]
) -> None:
    (project,), ids = tasks["project"], tasks["ids"]
    before = classes(loop, project)
    # Label Studio lets nobody remove a label that is in use; annotations of another config can be posted.
    first.label_studio.annotate(ids[10], choice("politics"))
    wait_for(
        "the foreign label is noted",
        lambda: any("politics (1)" in note for note in loop.progress(project).report["notes"]),
    )
    assert classes(loop, project) == before
    version = loop.published(project).version  # type: ignore[union-attr]
    assert "politics" not in loop.store.load(project, version).questions["topic"].answers
    admin.update_project(project, label_config=text_config("sport", "food", "space", "politics"))
    wait_for("the label is back", lambda: classes(loop, project) == before | {"politics": 1})


def test_imported_annotations_are_found_without_any_event(
    loop: Loop, admin: LabelStudio, tasks: dict[str, list[int]]
) -> None:
    (project,) = tasks["project"]
    before = classes(loop, project)
    labeled = {"data": texts(1, seed=77)[0], "annotations": [{"result": choice("sport")}]}
    admin.import_tasks(project, [labeled])
    wait_for("it is learned from", lambda: classes(loop, project) == before | {"sport": 1})


def test_deleted_tasks_leave_the_queue(loop: Loop, admin: LabelStudio, tasks: dict[str, list[int]]) -> None:
    (project,), ids = tasks["project"], tasks["ids"]
    loop.catch_up(project)
    gone = loop.head(project)[:5]
    total = loop.progress(project).report["tasks"]
    admin.delete_tasks(project, gone)
    wait_for("they are gone", lambda: loop.progress(project).report["tasks"] == total - 5)
    loop.catch_up(project)
    assert not {*gone} & {*loop.head(project)}
    assert {*loop.head(project)} <= {*ids}
