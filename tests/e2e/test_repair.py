"""What people change by hand, and Label Studio when it is away: the loop mends it and goes on."""

from __future__ import annotations

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.publish import SAMPLING, TITLE, is_served
from tests.e2e.loop_runner import SLOW_STEP, Loop, wait_for
from tests.e2e.projects import Annotator, choice, make_text_project, topic_of
from tests.e2e.real_label_studio import RealLabelStudio
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost


@pytest.fixture(scope="module")
def project(loop: Loop, admin: LabelStudio, first: Annotator) -> int:
    """A connected project with a model."""
    number = loop.connected(make_text_project(admin, 120))
    for _ in range(8):
        first.label_next(number)
    wait_for("8 labels", lambda: loop.status(number).labels == 8)
    assert_nothing_is_lost(loop, number)
    return number


def wait_until_served(loop: Loop, admin: LabelStudio, project: int) -> None:
    """Wait until annotators get the published head again."""

    def served() -> bool:
        published = loop.published(project)
        return published is not None and is_served(admin, admin.project(project), published)

    wait_for("the published head is served again", served, step=SLOW_STEP)
    loop.catch_up(project)


def test_the_backends_title_as_model_version_is_repaired(
    loop: Loop, admin: LabelStudio, project: int
) -> None:
    """Label Studio would serve tasks at random."""
    admin.update_project(project, model_version=TITLE)
    assert admin.project(project)["model_version"] == TITLE
    wait_until_served(loop, admin, project)


def test_another_sampling_is_repaired(loop: Loop, admin: LabelStudio, project: int) -> None:
    admin.update_project(project, sampling="Uniform sampling")
    wait_until_served(loop, admin, project)
    assert admin.project(project)["sampling"] == SAMPLING


def test_deleted_predictions_are_written_again(loop: Loop, admin: LabelStudio, project: int) -> None:
    for version in loop.served_versions(project):
        admin.delete_model_version(project, version)
    wait_until_served(loop, admin, project)
    assert_nothing_is_lost(loop, project)


def test_doctor_names_what_was_changed_by_hand(loop: Loop, admin: LabelStudio, project: int) -> None:
    loop.catch_up(project)
    worker = loop.worker_and_forks()
    loop.pause(*worker)
    try:
        admin.update_project(project, model_version=TITLE, sampling="Sequential sampling")
        said = loop.run("doctor", str(project)).out
    finally:
        loop.resume(*worker)
    assert "model_version is the ML backend's title" in said
    assert "sampling is Sequential sampling" in said
    wait_until_served(loop, admin, project)


def test_a_removed_webhook_is_said_by_doctor_and_made_again_by_connect(
    loop: Loop, admin: LabelStudio, first: Annotator, project: int
) -> None:
    (webhook,) = admin.webhooks(project)
    admin.delete_webhook(webhook["id"])
    assert "our webhook was removed" in loop.run("doctor", str(project)).out
    labels = loop.status(project).labels
    first.label_next(project)
    wait_for("the poll finds it", lambda: loop.status(project).labels == labels + 1)
    assert any("webhook added" in line for line in loop.connect(project)["changes"])
    assert len(admin.webhooks(project)) == 1


def test_while_label_studio_is_away_status_says_so_and_the_order_stands(
    loop: Loop, first: Annotator, project: int, real_label_studio: RealLabelStudio
) -> None:
    loop.catch_up(project)
    before = loop.published(project)
    real_label_studio.stop()
    try:
        wait_for("status says so", lambda: loop.status(project).state == "label studio does not answer")
        said = loop.run("status", str(project))
        assert said.code == 0
        assert "the last order stands" in said.out
        assert loop.run("doctor").code == 1
        assert loop.published(project) == before
    finally:
        real_label_studio.start()
    wait_for("it answers again", lambda: loop.status(project).state == "learning")
    labels = loop.status(project).labels
    first.label_next(project)
    wait_for("the loop goes on", lambda: loop.status(project).labels == labels + 1)
    assert_nothing_is_lost(loop, project)


def test_after_a_restart_of_everything_it_goes_on_where_it_was(
    loop: Loop, admin: LabelStudio, first: Annotator, project: int, real_label_studio: RealLabelStudio
) -> None:
    loop.catch_up(project)
    before, labels = loop.published(project), loop.status(project).labels
    assert loop.stop() == 0
    real_label_studio.stop()
    real_label_studio.start()
    task = first.next_task(project)
    assert task is not None
    admin.annotate(task["id"], choice(topic_of(task["data"])))
    loop.start()
    wait_for("what was labeled meanwhile", lambda: loop.status(project).labels == labels + 1)
    assert_nothing_is_lost(loop, project)
    assert_few_predictions(loop, project)
    assert loop.published(project).fence > before.fence  # type: ignore[union-attr]
