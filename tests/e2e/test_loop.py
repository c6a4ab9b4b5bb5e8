"""The main job: from an annotation in Label Studio to a better next task."""

from __future__ import annotations

import time
from itertools import cycle

import pytest

from backend.label_studio.client import LabelStudio, greater
from backend.loop.publish import SAMPLING, TITLE
from tests.e2e.conftest import MakeLoop
from tests.e2e.loop_runner import Loop, is_alive, wait_for
from tests.e2e.projects import WORDS, Annotator, Json, make_text_project, text_config, texts
from tests.e2e.real_label_studio import RealLabelStudio
from tests.e2e.truth import assert_few_predictions


@pytest.fixture(scope="module")
def loop(make_loop: MakeLoop, real_label_studio: RealLabelStudio) -> Loop:
    """A loop as it comes, with every default."""
    defaults = {"CLEAN_AL_DEBOUNCE": "2", "CLEAN_AL_POLL_INTERVAL": "5"}
    return make_loop(real_label_studio, **defaults, CLEAN_AL_RECONCILE_INTERVAL="60", CLEAN_AL_LEASE="15")


@pytest.fixture(scope="module")
def topics(loop: Loop, admin: LabelStudio) -> int:
    """A connected text project of 200 tasks that nobody has labeled yet."""
    return make_text_project(admin, 200)


def test_connect_says_what_it_changed_and_changes_nothing_twice(
    loop: Loop, admin: LabelStudio, topics: int
) -> None:
    said = loop.connect(topics)
    assert any("ML backend added" in line for line in said["changes"])
    assert any("webhook" in line for line in said["changes"])
    # Without a head, Label Studio would serve at random: the first round switches the sampling.
    assert not any("sampling" in line for line in said["changes"])
    before = links(admin, topics)
    again = loop.connect(topics)
    assert [line for line in again["changes"] if "first round" not in line] == []
    assert links(admin, topics) == before
    assert len(before[0]) == len(before[1]) == 1


def links(admin: LabelStudio, project: int) -> tuple[list[Json], list[Json]]:
    """Return a project's ML backends and webhooks, without the times that looking at them changes."""
    return tuple(  # type: ignore[return-value]
        [{k: v for k, v in one.items() if k != "updated_at"} for one in found]
        for found in (admin.ml_backends(project), admin.webhooks(project))
    )


def test_the_first_task_served_is_already_chosen(
    loop: Loop, admin: LabelStudio, first: Annotator, topics: int
) -> None:
    loop.catch_up(topics)
    project = admin.project(topics)
    published = loop.published(topics)
    assert published is not None
    assert not published.has_model
    assert len(published.head) == 100
    assert project["sampling"] == SAMPLING
    assert project["model_version"] == published.version != TITLE
    task = first.next_task(topics)
    assert task is not None
    assert task["id"] == published.head[0]


def test_thirty_annotations_by_two_users_bring_a_model_within_seconds(
    loop: Loop, first: Annotator, second: Annotator, topics: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for user, _ in zip(cycle([first, second]), range(30), strict=False):
        user.label_next(topics)
    ended = time.monotonic()
    wait_for("a round with 30 labels", lambda: loop.status(topics).labels == 30, within=60)
    seconds = time.monotonic() - ended
    with capsys.disabled():
        print(f"\n[e2e] {seconds:.1f} s from the 30th annotation to the end of the round that has it")
    report = loop.catch_up(topics).report
    assert report["has_model"]
    assert report["candidates"] == 170
    assert sum(report["classes"].values()) == 30
    assert loop.published(topics).has_model  # type: ignore[union-attr]


def test_tasks_are_served_in_the_samplers_order(
    loop: Loop, first: Annotator, second: Annotator, topics: int
) -> None:
    loop.catch_up(topics)
    head = loop.head(topics)
    workers = loop.worker_and_forks()
    loop.pause(*workers)
    try:
        served = [user.label_next(topics) for user, _ in zip(cycle([first, second]), range(10), strict=False)]
    finally:
        loop.resume(*workers)
    assert served == head[:10]
    loop.catch_up(topics)
    assert loop.status(topics).labels == 40


def test_the_task_that_a_user_has_open_stays_his_and_others_get_the_next_one(
    loop: Loop, first: Annotator, second: Annotator, topics: int
) -> None:
    loop.catch_up(topics)
    head = loop.head(topics)
    held = first.next_task(topics)
    other = second.next_task(topics)
    assert held is not None
    assert other is not None
    assert [held["id"], other["id"]] == head[:2]
    first.label(held)
    second.label(other)


def test_annotators_see_what_the_model_thinks(loop: Loop, admin: LabelStudio, topics: int) -> None:
    assert loop.run("options", str(topics), "prefill=always").code == 0
    assert loop.run("retrain", str(topics), "--wait").code == 0
    published = loop.published(topics)
    assert published is not None
    version = published.version
    # What is drawn to estimate the accuracy is labeled without a hint.
    (audited,) = [p for p in admin.task(published.audit[0])["predictions"] if p["model_version"] == version]
    assert audited["result"] == []
    task = admin.task(next(task for task in published.head if task not in published.audit))
    (prediction,) = [p for p in task["predictions"] if p["model_version"] == version]
    (result,) = prediction["result"]
    assert result["value"]["choices"][0] in WORDS
    assert 1 / 3 <= result["score"] <= 1.0
    assert prediction["score"] < 1.0


def first_labeled(admin: LabelStudio, project: int) -> int:
    """Return a task that has an annotation."""
    where = [greater("total_annotations", 0)]
    return int(next(admin.iter_tasks(project, include=["id"], where=where))[0]["id"])


def test_a_round_that_finds_nothing_new_writes_nothing(loop: Loop, admin: LabelStudio, topics: int) -> None:
    loop.catch_up(topics)
    fence = loop.progress(topics).report["fence"]
    (labeled,) = admin.task(first_labeled(admin, topics))["annotations"]
    admin.update_annotation(labeled["id"], lead_time=1.5)
    before = (loop.published(topics), admin.model_versions(topics), admin.newest_change(topics))
    wait_for("another round", lambda: loop.progress(topics).report["fence"] > fence)
    assert loop.progress(topics).report["outcome"] == "nothing new"
    assert (loop.published(topics), admin.model_versions(topics), admin.newest_change(topics)) == before


def test_new_tasks_join_the_queue(loop: Loop, admin: LabelStudio, topics: int) -> None:
    loop.catch_up(topics)
    admin.import_tasks(topics, texts(30, seed=9))
    wait_for("the new tasks are known", lambda: loop.progress(topics).report["tasks"] == 230)


def test_a_second_project_learns_a_model_of_its_own(
    loop: Loop, admin: LabelStudio, real_label_studio: RealLabelStudio, topics: int
) -> None:
    """The same texts under other labels: each project's model knows its own."""
    other = int(admin.create_project(title="length", label_config=text_config("short", "long"))["id"])
    admin.import_tasks(other, texts(60))
    loop.connected(other)
    annotator = Annotator(
        real_label_studio.url,
        real_label_studio.token,
        lambda data: "long" if len(data["text"].split()) > 10 else "short",
    )
    for _ in range(12):
        annotator.label_next(other)
    wait_for("12 labels", lambda: loop.status(other).labels == 12)
    loop.catch_up(other)
    loop.catch_up(topics)
    own, others = (loop.published(p) for p in (other, topics))
    assert own is not None
    assert others is not None
    assert set(loop.store.load(other, own.version).questions["topic"].answers) == {"short", "long"}
    assert set(loop.store.load(topics, others.version).questions["topic"].answers) == set(WORDS)


def test_at_most_two_queue_heads_exist_in_label_studio(loop: Loop, topics: int) -> None:
    loop.catch_up(topics)
    assert_few_predictions(loop, topics)
    assert loop.published(topics).version in loop.served_versions(topics)  # type: ignore[union-attr]


def test_ending_serve_leaves_no_process_behind(loop: Loop) -> None:
    pids = loop.tree()
    assert len(pids) > 6
    assert loop.stop() == 0
    assert [pid for pid in pids if is_alive(pid)] == []
