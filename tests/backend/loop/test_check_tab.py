"""The tab of likely wrong labels: made by `connect`, kept up to date, removed by `disconnect`."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.check_tab import DATA, LEAST_SCORE, MOST_SCORE, TITLE
from backend.loop.observe import is_news, observe
from backend.loop.options import ProjectOptions
from backend.project.connect import connect, disconnect
from backend.services import Services
from backend.store.connection import read_connection
from backend.store.progress import ProgressFile
from tests.backend.loop.test_insights import force, insight
from tests.backend.loop.test_round_accuracy import Loop
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio


@pytest.fixture
def loop(services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, project_id: int) -> Loop:
    return Loop(services, fake, label_studio, project_id)


def titles(fake: FakeLabelStudio, project: int) -> list[str]:
    return [tab["data"]["title"] for tab in fake.world.tabs_of(project)]


def shown(loop: Loop) -> list[int]:
    """The tasks of the tab, in its order, as Label Studio reckons: by the served version's scores."""
    world = loop.fake.world
    version = world.projects[loop.project]["model_version"]
    (item,) = DATA["filters"]["items"]
    assert (item["operator"], DATA["ordering"]) == ("greater_or_equal", ["tasks:predictions_score"])
    found = [
        p for p in world.predictions.values() if p["model_version"] == version and p["score"] >= item["value"]
    ]
    return [p["task"] for p in sorted(found, key=lambda p: float(p["score"]))]


def test_the_last_place_of_the_longest_queue_is_below_and_label_studio_takes_no_score_above_1() -> None:
    most = max(one.le for one in ProjectOptions.model_fields["queue_size"].metadata if hasattr(one, "le"))
    assert (most - 1) / most < LEAST_SCORE < MOST_SCORE <= 1


class TestConnect:
    def test_the_first_tab_of_a_project_leaves_label_studios_own_beside_it(
        self, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        assert f"Data Manager tab added: {TITLE}" in connect(services, project_id)
        assert titles(fake, project_id) == ["Default", TITLE]
        assert not [line for line in connect(services, project_id) if "Data Manager tab" in line]
        assert titles(fake, project_id) == ["Default", TITLE]

    def test_tabs_of_people_stay_and_ours_is_made_again_where_it_was_removed(
        self, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        fake.world.add_tab({"project": project_id, "data": {"title": "Theirs"}})
        connect(services, project_id)
        connection = read_connection(services.store, project_id)
        assert connection is not None
        assert connection.tab_id is not None
        fake.world.delete_tab(connection.tab_id)
        assert f"Data Manager tab added: {TITLE}" in connect(services, project_id)
        assert titles(fake, project_id) == ["Theirs", TITLE]

    def test_disconnect_removes_ours_alone_even_beside_one_of_the_same_title(
        self, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        fake.world.add_tab({"project": project_id, "data": {"title": TITLE}})
        connect(services, project_id)
        assert f"Data Manager tab removed: {TITLE}" in disconnect(services, project_id)
        assert titles(fake, project_id) == [TITLE]


def spoil(loop: Loop, n: int) -> list[int]:
    """Label 60 tasks, n of them wrongly; return those."""
    loop.round()
    done = loop.label(60)
    wrong = [task for task in done if loop.truth[task] == "cats"][:n]
    for task in wrong:
        loop.owner.update_annotation(annotation_of(loop, task)["id"], result=chosen("money"))
    return wrong


def annotation_of(loop: Loop, task: int) -> dict[str, Any]:
    (given,) = [a for a in loop.fake.world.annotations.values() if a["task"] == task]
    return given


def test_the_likeliest_wrong_label_is_shown_first_and_a_mended_one_no_more(loop: Loop) -> None:
    wrong = spoil(loop, 2)
    force(loop)
    expected = [suspect.task for suspect in insight(loop).suspects]
    assert set(wrong) <= set(expected)
    assert shown(loop) == expected
    loop.owner.update_annotation(annotation_of(loop, wrong[0])["id"], result=chosen("cats"))
    loop.round()
    assert shown(loop) == [task for task in expected if task != wrong[0]]


def test_what_the_round_itself_has_shown_is_no_change_that_asks_for_another(loop: Loop) -> None:
    spoil(loop, 2)
    force(loop)
    assert shown(loop)
    progress = ProgressFile(loop.services.store.folder(loop.project)).read()
    assert observe(loop.owner, loop.project) == progress.covers
    assert loop.published.stored == len(loop.published.head) + len(shown(loop))
    before = loop.published.version
    loop.round()
    assert loop.published.version == before


def test_a_prediction_more_of_our_version_is_no_news_and_one_less_is(loop: Loop) -> None:
    spoil(loop, 2)
    force(loop)
    covers = ProgressFile(loop.services.store.folder(loop.project)).read().covers
    version, task = loop.published.version, loop.published.head[0]
    # As Label Studio does when somebody opens a task and it asks the ML backend.
    more = {"task": task, "model_version": version, "score": 1.0, "result": []}
    loop.owner.import_predictions(loop.project, [more])
    assert not is_news(observe(loop.owner, loop.project), covers)
    world = loop.fake.world
    for number in [n for n, p in world.predictions.items() if p["model_version"] == version][:2]:
        del world.predictions[number]
    assert is_news(observe(loop.owner, loop.project), covers)


def test_no_open_task_is_served_earlier_or_later_for_it(loop: Loop) -> None:
    spoil(loop, 2)
    force(loop)
    world = loop.fake.world
    version = loop.published.version
    queue = [
        p for p in world.predictions.values() if p["model_version"] == version and p["score"] < LEAST_SCORE
    ]
    assert [p["task"] for p in sorted(queue, key=lambda p: float(p["score"]))] == list(loop.published.head)


def test_a_finished_project_still_shows_what_to_check(loop: Loop) -> None:
    wrong = spoil(loop, 2)
    loop.round()
    loop.label(100)
    force(loop)
    assert loop.published.head == ()
    assert set(wrong) <= set(shown(loop))
