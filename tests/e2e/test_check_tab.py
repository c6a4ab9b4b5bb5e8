"""The real Label Studio's Data Manager shows the likely wrong labels, in our order, in a tab of their own."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.check_tab import TITLE
from backend.store.insight import load_insight
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, choice, make_text_project, topic_of

OTHER = {"sport": "food", "food": "space", "space": "sport"}


def shown(admin: LabelStudio, project: int, tab: int) -> list[int]:
    """Return the tasks of a tab as the Data Manager asks for them."""
    page: dict[str, Any] = admin._http.call(
        "GET", "/api/tasks/", params={"view": tab, "project": project, "page": 1, "page_size": 100}
    )
    return [task["id"] for task in page["tasks"]]


@pytest.mark.timeout(600)
def test_a_reviewer_finds_planted_errors_in_a_tab_in_our_order_until_disconnect(
    loop: Loop, admin: LabelStudio, first: Annotator
) -> None:
    project = make_text_project(admin, 90)
    tasks = [task for page in admin.iter_tasks(project, include=["id", "data"]) for task in page][:60]
    wrong = [task["id"] for task in tasks[::10]]
    for task in tasks:
        topic = topic_of(task["data"])
        admin.annotate(task["id"], choice(OTHER[topic] if task["id"] in wrong else topic))
    loop.connected(project)
    wait_for("suspects", lambda: load_insight(loop.store.folder(project)).suspects)
    loop.catch_up(project)
    (tab,) = [tab["id"] for tab in admin.tabs(project) if tab["data"]["title"] == TITLE]
    suspects = [suspect.task for suspect in load_insight(loop.store.folder(project)).suspects]
    # Two of the six share with others only words that say nothing of the topic: words alone find four.
    assert len(set(wrong) & set(suspects)) >= 4
    assert len(set(suspects) - set(wrong)) <= 1
    assert shown(admin, project, tab) == suspects
    assert first.label_studio.next_task(project)["id"] == loop.head(project)[0]

    said = loop.run("suspects", str(project), "--json")
    assert [suspect["task"] for suspect in said.json] == suspects

    mended = suspects[0]
    (given,) = admin.task(mended)["annotations"]
    topic = topic_of(admin.task(mended)["data"])
    admin.update_annotation(given["id"], result=choice(topic if mended in wrong else OTHER[topic]))
    wait_for("the mended label leaves the tab", lambda: mended not in shown(admin, project, tab))

    assert loop.run("disconnect", str(project)).code == 0
    assert TITLE not in [tab["data"]["title"] for tab in admin.tabs(project)]
