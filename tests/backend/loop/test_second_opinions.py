"""Another annotator is asked about a labeled task where that is worth more than the label of a new one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.label_studio.records import Annotation
from backend.loop.insights.second_opinions import second_opinions
from backend.loop.priorities import Head
from backend.loop.second_opinions import woven
from backend.project.connect import disconnect
from backend.services import Services
from backend.store.asked_again import FILE_NAME, asked_again
from backend.store.insight import Suspect, load_insight
from tests.backend.loop.test_insights import annotations_of, force
from tests.backend.loop.test_round_accuracy import OPTIONS, Loop
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio


@pytest.fixture
def loop(services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, project_id: int) -> Loop:
    made = Loop(services, fake, label_studio, project_id)
    fake.world.ml_backends[50]["extra_params"] = OPTIONS | {"opinions": 2}
    return made


def wrongly_labeled(loop: Loop, n: int = 2) -> list[int]:
    """Label 60 tasks, some of them wrongly, and bring the loop to where it suspects these."""
    loop.round()
    done = loop.label(60)
    wrong = [task for task in done if loop.truth[task] == "cats"][:n]
    for task in wrong:
        (given,) = annotations_of(loop, task)
        loop.owner.update_annotation(given["id"], result=chosen("money"))
    force(loop)
    return wrong


def is_open(loop: Loop, task: int) -> bool:
    return not loop.fake.world.tasks[task]["is_labeled"]


def test_a_label_that_is_likely_wrong_is_put_before_another_annotator(loop: Loop) -> None:
    wrong = wrongly_labeled(loop)
    loop.label(1)
    loop.round()
    published = loop.published
    assert set(wrong) <= set(published.second)
    assert published.head.index(published.second[0]) == 1
    assert all(is_open(loop, task) for task in published.second)
    known = {task.task: task.why for task in load_insight(folder(loop)).head}
    assert known[wrong[0]].startswith("second opinion: money may be wrong, a model that had not seen")
    assert any("second opinion" in note for note in report(loop)["notes"])
    # Nothing of ours tells the second one what to say, and no reviewer's tab shows it meanwhile.
    rows = [p for p in loop.fake.world.predictions.values() if p["task"] == wrong[0]]
    rows = [p for p in rows if p["model_version"] == published.version]
    assert [(p["result"], p["score"] < 0.999) for p in rows] == [([], True)]


def test_only_another_one_gets_it_and_then_it_is_done(loop: Loop, fake: FakeLabelStudio) -> None:
    wrong = wrongly_labeled(loop, n=1)
    loop.label(1)
    loop.round()
    other = LabelStudio(fake.url, fake.add_user(), timeout=10, retries=1)
    served = [other.next_task(loop.project) for _ in range(1)]
    first = served[0]
    assert first is not None
    other.annotate(first["id"], chosen(loop.truth[first["id"]]))
    second = other.next_task(loop.project)
    assert second is not None
    assert second["id"] == wrong[0]
    other.annotate(second["id"], chosen("cats"))
    loop.round()
    assert not is_open(loop, wrong[0])
    assert wrong[0] not in loop.published.head
    assert asked_again(folder(loop)) == tuple(t for t in loop.published.second if is_open(loop, t))
    other.close()


def test_one_that_is_mended_is_not_asked_about_any_more(loop: Loop) -> None:
    wrong = wrongly_labeled(loop)
    loop.label(1)
    loop.round()
    for task in wrong:
        (given,) = annotations_of(loop, task)
        loop.owner.update_annotation(given["id"], result=chosen("cats"))
        loop.fake.world.tasks[task]["is_labeled"] = False
    loop.round()
    loop.label(1)
    loop.round()
    assert not set(wrong) & set(loop.published.head)
    assert not any(is_open(loop, task) for task in wrong)
    assert all(loop.fake.world.tasks[task]["overlap"] == 1 for task in wrong)


def test_switching_off_takes_back_what_was_opened_for_others(loop: Loop, services: Services) -> None:
    wrong = wrongly_labeled(loop)
    loop.label(1)
    loop.round()
    assert set(asked_again(folder(loop))) >= set(wrong)
    opened = len(asked_again(folder(loop)))
    changes = disconnect(services, loop.project)
    assert f"{opened} labeled tasks are not asked again any more" in changes
    assert not any(is_open(loop, task) for task in wrong)
    assert asked_again(folder(loop)) == ()


def test_with_one_opinion_a_task_nobody_is_asked_again(loop: Loop) -> None:
    loop.fake.world.ml_backends[50]["extra_params"] = OPTIONS
    wrong = wrongly_labeled(loop)
    loop.label(1)
    loop.round()
    assert loop.published.second == ()
    assert load_insight(folder(loop)).second_opinions == ()
    assert not any(is_open(loop, task) for task in wrong)


def test_a_damaged_note_is_as_none(loop: Loop) -> None:
    wrongly_labeled(loop)
    (folder(loop) / FILE_NAME).write_text("[1, {")
    loop.label(1)
    loop.round()
    assert asked_again(folder(loop))
    (folder(loop) / FILE_NAME).write_text(json.dumps({"tasks": ["x", 7, None]}))
    assert asked_again(folder(loop)) == (7,)


def folder(loop: Loop) -> Any:
    return loop.services.store.folder(loop.project)


def report(loop: Loop) -> dict[str, Any]:
    return json.loads((folder(loop) / "progress.json").read_text())["report"]


class TestWorth:
    def suspect(self, task: int, score: float) -> Suspect:
        return Suspect(task, "a", "b", score, "because", task, "topic")

    def given(self, task: int, n: int, *, skipped: int = 0) -> tuple[int, list[Annotation]]:
        return task, [Annotation(i, task, [], i >= n, False, "", i) for i in range(n + skipped)]

    def test_a_label_likelier_wrong_than_the_model_on_the_most_doubtful_new_task(self) -> None:
        suspects = [self.suspect(1, 0.9), self.suspect(2, 0.6), self.suspect(3, 0.5)]
        given = [self.given(task, 1) for task in (1, 2, 3)]
        found = second_opinions(suspects, given, 2, {"topic": 0.55})
        assert [one.task for one in found] == [1, 2]
        assert found[0].why == "second opinion: a may be wrong, because"

    def test_where_no_task_is_new_every_suspect_is_worth_it(self) -> None:
        found = second_opinions([self.suspect(1, 0.1)], [self.given(1, 1)], 2, {})
        assert [one.task for one in found] == [1]

    def test_one_that_has_as_many_as_it_may_is_left(self) -> None:
        suspects = [self.suspect(1, 0.9), self.suspect(2, 0.9), self.suspect(3, 0.9)]
        given = [self.given(1, 2), self.given(2, 1, skipped=1), self.given(3, 2)]
        assert [one.task for one in second_opinions(suspects, given, 2, {})] == [2]
        third = second_opinions(suspects, given, 3, {})
        assert [one.why.split(":")[0] for one in third] == [
            "third opinion",
            "second opinion",
            "third opinion",
        ]


class TestPlaces:
    def test_every_fifth_place_from_the_second_on(self) -> None:
        head = Head(np.arange(8), np.arange(8) == 4)
        order = woven(head, np.arange(10, 18), [1, 2])
        assert order.task_ids.tolist() == [10, 1, 11, 12, 13, 14, 2, 15, 16, 17]
        assert np.flatnonzero(order.second).tolist() == [1, 6]
        assert order.task_ids[order.audit].tolist() == [14]

    def test_where_few_or_no_tasks_are_new_they_end_the_queue(self) -> None:
        two = woven(Head(np.arange(2), np.zeros(2, bool)), np.array([10, 11]), [1, 2, 3])
        assert two.task_ids.tolist() == [10, 1, 11, 2, 3]
        none = woven(Head(np.empty(0, np.int64), np.zeros(0, bool)), np.empty(0, np.int64), [1, 2])
        assert none.task_ids.tolist() == [1, 2]
