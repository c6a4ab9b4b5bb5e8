"""The loop on every kind of project: tasks come in the chosen order, and what was planted is learned."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.controls import read_questions
from backend.loop.options import store_options
from backend.loop.publish import SAMPLING
from tests.client import FullLabelStudio
from tests.e2e.conftest import MakeLoop
from tests.e2e.kinds import (
    LABELED_BEFORE,
    LABELED_IN_LOOP,
    TASKS,
    Kind,
    Made,
    MediaHost,
    make_project,
)
from tests.e2e.loop_runner import Loop
from tests.e2e.planted import DETECTED, KINDS, detected, is_mistaken
from tests.e2e.projects import Annotator, Json, make_text_project
from tests.e2e.real_label_studio import RealLabelStudio


@pytest.fixture(scope="module")
def host() -> Iterator[MediaHost]:
    """Another host, which the loop may fetch from."""
    with MediaHost().running() as running:
        yield running


@pytest.fixture(scope="module")
def loop(make_loop: MakeLoop, real_label_studio: RealLabelStudio, host: MediaHost) -> Loop:
    """One loop for all kinds; it looks at idle projects seldom, for there are many of them."""
    calm = {"CLEAN_AL_RECONCILE_INTERVAL": "30", "CLEAN_AL_LEASE": "15"}
    return make_loop(real_label_studio, CLEAN_AL_MEDIA_HOSTS=host.url, **calm)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_comes_in_the_chosen_order_and_is_learned(
    loop: Loop, admin: FullLabelStudio, first: Annotator, host: MediaHost, name: str
) -> None:
    kind = KINDS[name]
    if kind.needs and importlib.util.find_spec(kind.needs) is None:
        pytest.skip(f"{kind.needs} is not installed, which reads this kind of project")
    made = make_project(admin, name, kind, host)
    store_options(loop.store.folder(made.id), {"prefill": "always"})
    loop.connected(made.id)
    assert served(loop, first, made, LABELED_IN_LOOP) == LABELED_IN_LOOP
    assert loop.catch_up(made.id).report["labels"] == LABELED_BEFORE + LABELED_IN_LOOP
    right = guesses_right(loop, admin, made)
    print(f"[kind] {name}: {np.mean(right):.2f} of {len(right)} guesses right; chance {kind.chance}")
    assert np.mean(right) >= kind.least, problems(loop, made)
    assert served(loop, first, made, 5) == 5


def served(loop: Loop, annotator: Annotator, made: Made, n: int) -> int:
    """Label the next n tasks while no round runs; return how many were those of the head, in its order."""
    loop.catch_up(made.id)
    head = loop.head(made.id)
    assert annotator.label_studio.project(made.id)["sampling"] == SAMPLING
    workers = loop.worker_and_forks()
    loop.pause(*workers)
    try:
        given = []
        for _ in range(n):
            task = annotator.next_task(made.id)
            assert task is not None
            annotator.label_studio.annotate(task["id"], made.answer(task["id"]))
            given.append(task["id"])
    finally:
        loop.resume(*workers)
    assert given == head[:n], problems(loop, made)
    return n


def problems(loop: Loop, made: Made) -> list[str]:
    """Return what the last round noted, to say when something is wrong."""
    progress = loop.progress(made.id)
    return [*progress.report.get("notes", []), str(progress.report.get("classes"))]


def guesses_right(loop: Loop, admin: LabelStudio, made: Made) -> list[bool]:
    """Return for each task of the head that is not audited whether its guess is right."""
    published = loop.published(made.id)
    assert published is not None
    assert published.has_model, problems(loop, made)
    shown = results(admin, made.id, published.version)
    assert {*shown} == {*published.head}
    assert all(shown[task] == [] for task in published.audit)
    tasks = [task for task in published.head if task not in published.audit]
    if made.kind.shown:
        return [made.kind.is_right(shown[task], made.numbers[task]) for task in tasks]
    assert not any(shown.values()), "no region is ever invented"
    return [*unshown_right(loop, made, published.version, tasks)]


def unshown_right(loop: Loop, made: Made, version: str, tasks: list[int]) -> Iterator[bool]:
    """Yield whether the published model is right about each task, where it only orders by its guesses."""
    model = loop.store.load(made.id, version)
    (control,) = read_questions(made.kind.config).controls
    read = model.tasks([made.data[task] for task in tasks], loop.services.media.of_project(made.id))
    for task, guess in zip(tasks, model.guesses_of(read)[control.name], strict=True):
        yield guess.answer == control.answer_of(made.answer(task))


def results(admin: LabelStudio, project: int, version: str) -> dict[int, list[Json]]:
    """Return what a model version's predictions show, by task, as Label Studio has them."""
    include = ["predictions", "model_version", "result"]
    return {
        task["id"]: prediction["result"]
        for page in admin.iter_tasks(project, include=include)
        for task in page
        for prediction in task["predictions"]
        if prediction["model_version"] == version
    }


@pytest.fixture(scope="module")
def made(loop: Loop, admin: FullLabelStudio, host: MediaHost) -> Made:
    """A connected project with a box of a detector on each picture, which was in use before."""
    made = make_project(admin, "detected boxes", DETECTED, host)
    admin.update_project(made.id, model_version="detector", sampling="Uniform sampling")
    said = loop.run("options", str(made.id), "predictions=detector")
    assert said.code == 0, said.err
    loop.connected(made.id)
    return made


class TestBoxesOfADetector:
    """A project with another model's boxes, ordered by what that model has probably got wrong."""

    def test_the_boxes_are_on_the_task_that_is_served(
        self, loop: Loop, admin: FullLabelStudio, first: Annotator, made: Made
    ) -> None:
        loop.catch_up(made.id)
        task = first.next_task(made.id)
        assert task is not None
        assert task["id"] == loop.head(made.id)[0]
        version = admin.project(made.id)["model_version"]
        (ours,) = [p for p in admin.task(task["id"])["predictions"] if p["model_version"] == version]
        assert version == loop.published(made.id).version  # type: ignore[union-attr]
        wanted = detected(made.numbers[task["id"]])
        assert [i["value"] for i in ours["result"]] == [i["value"] for i in wanted]

    def test_its_mistakes_come_first(self, loop: Loop, first: Annotator, made: Made) -> None:
        loop.catch_up(made.id)
        published = loop.published(made.id)
        assert published is not None
        chosen = [is_mistaken(made.numbers[t]) for t in published.head if t not in published.audit]
        found = np.mean(chosen[: sum(chosen)])
        print(f"[kind] detected boxes: mistakes are {found:.2f} of the first, {np.mean(chosen):.2f} of all")
        assert found >= 0.8
        assert served(loop, first, made, LABELED_IN_LOOP) == LABELED_IN_LOOP
        assert loop.catch_up(made.id).report["labels"] == LABELED_BEFORE + LABELED_IN_LOOP
        assert served(loop, first, made, 5) == 5

    def test_disconnect_leaves_the_detectors_work_as_it_was(
        self, loop: Loop, admin: FullLabelStudio, made: Made
    ) -> None:
        loop.catch_up(made.id)
        before = results(admin, made.id, "detector")
        assert len(before) == TASKS
        said = loop.run("disconnect", str(made.id), "--json")
        assert said.code == 0, said.err
        assert results(admin, made.id, "detector") == before
        assert admin.model_versions(made.id) == {"detector": TASKS}
        project = admin.project(made.id)
        assert (project["model_version"], project["sampling"]) == ("detector", "Uniform sampling")


def test_a_project_that_cannot_be_ordered_is_refused_and_left_alone(
    loop: Loop, admin: FullLabelStudio, host: MediaHost
) -> None:
    unlisted = Kind(
        KINDS["boxes"].config, lambda n, _: {"media": f"http://192.0.2.7/{n}.png"}, lambda _: [], 0, 0
    )
    made = make_project(admin, "unlisted host", unlisted, host)
    admin.update_project(made.id, sampling="Uniform sampling")
    before = admin.project(made.id)
    said = loop.run("connect", str(made.id))
    assert said.code == 1
    assert "nothing was changed" in said.err
    assert "CLEAN_AL_MEDIA_HOSTS" in said.err
    now = admin.project(made.id)
    assert (now["sampling"], now["model_version"]) == (before["sampling"], before["model_version"])
    assert admin.ml_backends(made.id) == admin.webhooks(made.id) == []


def test_a_healthy_connect_raises_no_alarm(loop: Loop, admin: FullLabelStudio) -> None:
    project = make_text_project(admin, 20)
    said = loop.run("connect", str(project), "--json")
    assert said.code == 0, said.err
    assert said.json["findings"] == []
    assert "random" not in said.out + said.err
    loop.catch_up(project)
    again = loop.run("connect", str(project))
    assert again.code == 0
    assert not any(word in again.out + again.err for word in ("random", "problem", "warning"))
