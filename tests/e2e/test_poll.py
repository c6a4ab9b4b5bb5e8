"""A Label Studio as it comes refuses webhooks to this machine: the loop works by its poll alone."""

from __future__ import annotations

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.publish import SAMPLING
from tests.e2e.conftest import MakeLoop
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, make_text_project
from tests.e2e.real_label_studio import RealLabelStudio
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost


@pytest.fixture(scope="module")
def loop(make_loop: MakeLoop, strict_label_studio: RealLabelStudio) -> Loop:
    return make_loop(strict_label_studio)


@pytest.fixture(scope="module")
def admin(strict_label_studio: RealLabelStudio) -> LabelStudio:
    return LabelStudio(strict_label_studio.url, strict_label_studio.token)


@pytest.fixture(scope="module")
def first(strict_label_studio: RealLabelStudio) -> Annotator:
    return Annotator(strict_label_studio.url, strict_label_studio.token)


@pytest.fixture(scope="module")
def project(admin: LabelStudio) -> int:
    return make_text_project(admin, 150)


def test_connect_says_that_it_polls_and_why(loop: Loop, admin: LabelStudio, project: int) -> None:
    said = loop.connect(project)
    changes = "\n".join(said["changes"])
    assert "no webhook" in changes
    assert "reserved network address" in changes
    assert "the loop polls this project every 1 s instead" in changes
    assert any("SSRF_PROTECTION_ENABLED=false" in finding["fix"] for finding in said["findings"])
    assert admin.webhooks(project) == []
    assert not loop.status(project).webhook


def test_doctor_says_why_and_what_to_do(loop: Loop, project: int) -> None:
    said = loop.run("doctor", str(project))
    assert said.code == 0, said.out + said.err
    assert "Label Studio refuses our webhook; the loop polls every 1 s" in said.out
    assert "SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false" in said.out


def test_the_loop_works_without_any_webhook(
    loop: Loop, admin: LabelStudio, first: Annotator, project: int
) -> None:
    loop.catch_up(project)
    assert admin.project(project)["sampling"] == SAMPLING
    task = first.next_task(project)
    assert task is not None
    assert task["id"] == loop.head(project)[0]
    for _ in range(30):
        first.label_next(project)
    wait_for("30 labels", lambda: loop.status(project).labels == 30)
    assert_nothing_is_lost(loop, project)
    assert_few_predictions(loop, project)


def test_a_killed_poller_is_replaced(loop: Loop, first: Annotator, project: int) -> None:
    poller = loop.child("poll")
    loop.kill(poller)
    first.label_next(project)
    wait_for("31 labels", lambda: loop.status(project).labels == 31)
    assert loop.child("poll") not in (None, poller)


def test_disconnect_works_without_links_too(loop: Loop, admin: LabelStudio, project: int) -> None:
    said = loop.run("disconnect", str(project))
    assert said.code == 0, said.err
    assert loop.served_versions(project) == {}
    assert admin.project(project)["sampling"] == "Sequential sampling"
