"""What rounds know beyond the order: kept after it is served, healed, and never a reason to fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.insights import gather as gather_module
from backend.loop.insights.head import AUDIT, TYPICAL
from backend.loop.jobs import force_key
from backend.services import Services
from backend.store.insight import FILE_NAME, Insight, load_insight
from tests.backend.loop.test_round_accuracy import Loop
from tests.backend.samples import chosen
from tests.backend.web.pages import client_of, get
from tests.fakes.label_studio import FakeLabelStudio


@pytest.fixture
def loop(services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, project_id: int) -> Loop:
    return Loop(services, fake, label_studio, project_id)


def insight(loop: Loop) -> Insight:
    return load_insight(loop.services.store.folder(loop.project))


def force(loop: Loop) -> str:
    loop.services.redis.set(force_key(loop.project), "now")
    return loop.round()


def test_before_there_is_a_model_the_head_says_that_its_tasks_are_typical(loop: Loop) -> None:
    loop.round()
    found = insight(loop)
    assert [task.task for task in found.head] == list(loop.published.head[:20])
    assert {task.why for task in found.head} == {TYPICAL, AUDIT}
    assert all(task.guess is None for task in found.head)
    assert all(task.text for task in found.head)
    assert {(c.label, c.count) for c in found.classes} == {("cats", 0), ("money", 0), ("conflict", 0)}
    assert found.stop.verdict == "not known yet"
    assert found.problems == ()


def test_a_round_with_a_model_knows_curve_quality_annotators_and_reasons(loop: Loop) -> None:
    loop.round()
    loop.label(70)
    loop.round()
    found = insight(loop)
    assert found.problems == ()
    assert [(point.labels, point.accuracy) for point in found.curve] == [(70, loop.accuracy.value)]
    assert {quality.label for quality in found.per_label} == {"cats", "money", "conflict"}
    assert sum(quality.labels for quality in found.per_label) == 70
    known = [quality for quality in found.per_label if quality.recall is not None]
    assert known
    assert all(q.recall_low <= q.recall <= q.recall_high for q in known)  # type: ignore[operator]
    (annotator,) = found.annotators
    assert (annotator.labels, annotator.skips, annotator.agreement) == (70, 0, None)
    assert annotator.agreement_with_model is not None
    assert annotator.agreement_with_model > 0.8
    assert all(task.why.startswith(("unsure between", "unlike", "drawn")) for task in found.head)
    assert all(task.guess in ("cats", "money", "conflict") for task in found.head)
    assert found.savings is not None
    assert found.random[-1].labels == 70
    assert all(p.low <= p.accuracy <= p.high for p in found.random)
    assert [p.labels for p in found.random] == sorted({p.labels for p in found.random})
    assert found.stop.verdict == "not known yet"
    assert "150" in found.stop.reason


def test_a_wrong_label_is_suspected_until_it_is_mended_or_confirmed(loop: Loop) -> None:
    loop.round()
    done = loop.label(60)
    wrong = [task for task in done if loop.truth[task] == "cats"][:2]
    for task in wrong:
        (given,) = annotations_of(loop, task)
        loop.owner.update_annotation(given["id"], result=chosen("money"))
    force(loop)
    found = {suspect.task: suspect for suspect in insight(loop).suspects}
    assert set(wrong) <= set(found)
    assert len(found) <= len(wrong) + 3
    first = found[wrong[0]]
    assert (first.given, first.suggested, first.question) == ("money", "cats", "topic")
    assert first.annotation == annotations_of(loop, wrong[0])[0]["id"]
    assert "cats" in first.reason
    loop.owner.update_annotation(found[wrong[0]].annotation, result=chosen("cats"))
    loop.owner.update_annotation(found[wrong[1]].annotation, ground_truth=True)
    loop.round()
    assert not {suspect.task for suspect in insight(loop).suspects} & set(wrong)


def test_of_two_annotators_a_task_the_one_that_errs_in_a_fifth_is_told_and_in_which_tasks(
    loop: Loop, fake: FakeLabelStudio
) -> None:
    fake.world.projects[loop.project]["maximum_annotations"] = 2
    for task in loop.truth:
        fake.world.tasks[task]["overlap"] = 2
    careless = LabelStudio(fake.url, fake.add_user(), timeout=10, retries=1)
    good, bad = int(loop.owner.whoami()["id"]), int(careless.whoami()["id"])
    topics, wrong = ["cats", "money", "conflict"], []
    for i, task in enumerate(list(loop.truth)[:60]):
        truth = loop.truth[task]
        loop.owner.annotate(task, chosen(truth))
        errs = i % 5 == 2
        wrong += [task] * errs
        careless.annotate(task, chosen(topics[(topics.index(truth) + 1) % 3] if errs else truth))
    careless.close()
    force(loop)
    found = insight(loop)
    known = {record.id: record for record in found.annotators}
    assert (known[good].agreement, known[bad].agreement) == (0.8, 0.8), "of two alone nobody can tell"
    better, worse = known[good].agreement_with_model or 0, known[bad].agreement_with_model or 0
    assert better - worse > 0.09, "the model, which has seen neither, can"
    suspected = [s for s in found.suspects if s.task in wrong]
    assert len(suspected) == len(wrong), "each of them, once"
    assert len(found.suspects) <= len(wrong) + 3
    by = {a["id"]: a["completed_by"] for a in fake.world.annotations.values()}
    right = [s for s in suspected if s.annotation is not None and by[s.annotation] == bad]
    # It has learned the careless one's labels, which came last, so it takes a few of them for right.
    assert len(right) >= 0.7 * len(wrong)
    assert all(s.suggested == loop.truth[s.task] for s in right)
    assert f"annotator {bad} says" in right[0].reason
    assert (known[bad].suspects or 0) >= len(right)
    assert (known[good].suspects or 0) <= len(suspected) - len(right) + 3

    page = get(client_of(loop.services.store.root), f"/{loop.project}").text
    for who in (good, bad):
        of = known[who]
        agrees = [f"{round(100 * (share or 0))}\u202f%" for share in (of.agreement, of.agreement_with_model)]
        assert f"User {who} 60 0 {' '.join(agrees)} {of.suspects} " in page
    assert f"annotator {bad} says" in page, "and which labels they are"


def annotations_of(loop: Loop, task: int) -> list[dict[str, Any]]:
    return [a for a in loop.fake.world.annotations.values() if a["task"] == task]


def test_what_cannot_be_worked_out_is_named_and_the_round_goes_on(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(view: object) -> None:
        raise ZeroDivisionError("a task's text")

    monkeypatch.setitem(gather_module.PARTS, "suspects", fails)
    loop.round()
    loop.label(30)
    assert loop.round() == "published"
    found = insight(loop)
    assert found.problems == ("the list of likely wrong labels could not be worked out: ZeroDivisionError",)
    assert found.per_label
    assert found.head


def test_a_folder_in_its_place_fails_no_round(loop: Loop) -> None:
    folder = loop.services.store.folder(loop.project)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).mkdir()
    (folder / FILE_NAME / "x").touch()
    assert loop.round() == "published"
    assert insight(loop).head


def test_a_damaged_file_is_written_anew_by_the_next_round_with_the_curve_so_far(loop: Loop) -> None:
    loop.round()
    loop.label(70)
    loop.round()
    before = insight(loop)
    path = loop.services.store.folder(loop.project) / FILE_NAME
    path.write_text("{")
    loop.label(1)
    loop.round()
    after = insight(loop)
    assert after.problems == ()
    assert [replace(p, at="") for p in after.curve] == [replace(p, at="") for p in before.curve]
    assert after.per_label


def test_a_project_without_open_tasks_is_told_to_stop(loop: Loop) -> None:
    loop.round()
    for _ in range(3):
        loop.label(100)
        loop.round()
    found = insight(loop)
    assert (found.stop.verdict, found.stop.reason) == ("stop", "every task has a label")
    assert found.head == ()
    loop.owner.import_tasks(loop.project, [{"data": {"text": "a cat and its money"}}])
    loop.round()
    assert insight(loop).stop.verdict == "not known yet"


def test_a_project_that_has_no_tasks_yet_is_not_told_to_stop_before_or_after_they_come(
    loop: Loop, fake: FakeLabelStudio
) -> None:
    fake.world.tasks.clear()
    loop.round()
    assert (insight(loop).stop.verdict, insight(loop).stop.reason) == (
        "not known yet",
        "there are no tasks yet",
    )
    loop.owner.import_tasks(loop.project, [{"data": {"text": f"the cat {n}"}} for n in range(20)])
    loop.round()
    found = insight(loop).stop
    assert found.verdict == "not known yet"
    assert found.reason != "there are no tasks yet"
