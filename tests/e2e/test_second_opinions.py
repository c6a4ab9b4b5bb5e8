"""The real Label Studio puts likely wrong labels before another annotator, and only those."""

from __future__ import annotations

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.options import store_options
from backend.store.insight import load_insight
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, choice, make_text_project, topic_of
from tests.e2e.test_check_tab import OTHER

MOST_TRIED = 12


@pytest.mark.timeout(600)
def test_another_annotator_gets_planted_errors_among_new_tasks_until_disconnect(
    loop: Loop, admin: LabelStudio, second: Annotator
) -> None:
    project = make_text_project(admin, 90, seed=1)
    tasks = [task for page in admin.iter_tasks(project, include=["id", "data"]) for task in page]
    truth = {task["id"]: topic_of(task["data"]) for task in tasks}
    labeled, wrong = list(truth)[:60], list(truth)[:60:10]
    for task in labeled:
        admin.annotate(task, choice(OTHER[truth[task]] if task in wrong else truth[task]))
    folder = loop.store.folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    store_options(folder, {"opinions": 2})
    loop.connected(project)
    wait_for("suspects", lambda: load_insight(folder).second_opinions)
    new = loop.head(project)[0]
    admin.annotate(new, choice(truth[new]))

    def asked_about() -> tuple[int, ...]:
        published = loop.store.published(project)
        return published.second if published is not None else ()

    asked = wait_for("labeled tasks in the queue", asked_about)
    # Texts with a single telling word are doubted beside them: right or wrong, they look alike to words.
    assert len(set(asked) & set(wrong)) >= 5
    assert len(set(asked) - set(wrong)) <= 3
    served = []
    for _ in range(MOST_TRIED):
        task = second.label_studio.next_task(project)
        assert task is not None
        served.append(task["id"])
        second.label_studio.annotate(task["id"], choice(truth[task["id"]]))
        if task["id"] in asked:
            break
    assert served[-1] in asked
    # Of tasks that are labeled, only those that are asked about again.
    assert set(served) & set(labeled) <= set(asked)
    wait_for("it has its second opinion", lambda: served[-1] not in asked_about())
    assert admin.task(served[-1])["is_labeled"] is True

    loop.catch_up(project)
    left = asked_about()
    assert all(admin.task(task)["is_labeled"] is False for task in left)
    assert loop.run("disconnect", str(project)).code == 0
    assert all(admin.task(task)["is_labeled"] is True for task in left)
