"""What the backend relies on about projects and users."""

from __future__ import annotations

import pytest

from backend.errors import LabelStudioNotFound, LabelStudioRejected, LabelStudioUnauthorized
from backend.label_studio.client import Counts, LabelStudio
from tests.contract.conftest import CONFIG, Server
from tests.contract.parts import BAD, GOOD, add_tasks, predict

GONE = 10**8


def test_the_release_and_the_user_are_known(label_studio: LabelStudio, colleague: LabelStudio) -> None:
    assert label_studio.version().startswith("1.")
    assert label_studio.whoami()["email"] == "admin@example.org"
    assert colleague.whoami()["id"] != label_studio.whoami()["id"]


def test_a_new_project_has_the_defaults_that_the_loop_changes(
    label_studio: LabelStudio, project: int
) -> None:
    found = label_studio.project(project)
    assert found["sampling"] == "Sequential sampling"
    assert found["model_version"] == ""
    assert found["skip_queue"] == "REQUEUE_FOR_OTHERS"
    assert found["maximum_annotations"] == 1
    assert found["label_config"] == CONFIG
    assert project in [one["id"] for one in label_studio.projects()]


def test_counts_tell_annotations_from_skips(label_studio: LabelStudio, project: int) -> None:
    first, second, third = add_tasks(label_studio, project, 3)
    label_studio.annotate(first, GOOD)
    label_studio.annotate(second, BAD)
    label_studio.annotate(third, [], was_cancelled=True)
    assert label_studio.counts(project) == Counts(tasks=3, annotations=2, finished=2, skipped=1)


def test_what_is_not_there_is_not_found(label_studio: LabelStudio, project: int) -> None:
    calls = [
        lambda: label_studio.project(GONE),
        lambda: label_studio.counts(GONE),
        lambda: label_studio.update_project(GONE, title="none"),
        lambda: label_studio.delete_project(GONE),
        lambda: label_studio.model_versions(GONE),
        lambda: label_studio.next_task(GONE),
        lambda: next(label_studio.iter_tasks(GONE, include=[])),
        lambda: label_studio.newest_change(GONE),
        lambda: label_studio.annotate(GONE, GOOD),
        lambda: label_studio.delete_prediction(GONE),
        lambda: label_studio.delete_webhook(GONE),
        lambda: label_studio.ml_backends(GONE),
    ]
    for call in calls:
        with pytest.raises(LabelStudioNotFound):
            call()


def test_a_deleted_project_is_gone_with_its_tasks(label_studio: LabelStudio) -> None:
    number = label_studio.create_project(title="short life", label_config=CONFIG)["id"]
    task = add_tasks(label_studio, number, 1)[0]
    label_studio.delete_project(number)
    with pytest.raises(LabelStudioNotFound):
        label_studio.task(task)


def test_a_model_version_must_exist_before_a_project_uses_it(label_studio: LabelStudio, project: int) -> None:
    with pytest.raises(LabelStudioRejected, match="import predictions of this version first"):
        label_studio.update_project(project, model_version="v1")
    predict(label_studio, project, "v1", {add_tasks(label_studio, project, 1)[0]: 0.5})
    assert label_studio.project(project)["model_version"] == ""
    changed = label_studio.update_project(project, model_version="v1", sampling="Uncertainty sampling")
    assert (changed["model_version"], changed["sampling"]) == ("v1", "Uncertainty sampling")


def test_refusals_name_the_field(label_studio: LabelStudio, project: int) -> None:
    with pytest.raises(LabelStudioRejected, match="sampling"):
        label_studio.update_project(project, sampling="By the stars")
    with pytest.raises(LabelStudioRejected, match="title"):
        label_studio.create_project(title="x")
    with pytest.raises(LabelStudioRejected, match="label_config"):
        label_studio.create_project(title="broken", label_config="<View><Text")


def test_a_wrong_token_is_named_without_showing_it(server: Server) -> None:
    head, claims, signature = server.token.split(".")
    wrong = ".".join([head, claims, signature[::-1]])
    with pytest.raises(LabelStudioUnauthorized, match="Personal Access Token") as caught:
        LabelStudio(server.url, wrong, retries=0).whoami()
    assert signature[::-1] not in str(caught.value)
    with pytest.raises(LabelStudioUnauthorized):
        LabelStudio(server.url, "0123456789abcdef" * 2 + "01234567", retries=0).whoami()
