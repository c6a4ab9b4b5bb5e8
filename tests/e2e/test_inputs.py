"""The loop on pictures and on numbers."""

from __future__ import annotations

from backend.label_studio.client import LabelStudio
from backend.loop.options import store_options
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import (
    Annotator,
    brightness,
    heaviness,
    make_image_project,
    make_number_project,
)
from tests.e2e.real_label_studio import RealLabelStudio
from tests.e2e.truth import assert_nothing_is_lost


def test_uploaded_pictures_are_learned_from(
    loop: Loop, admin: LabelStudio, real_label_studio: RealLabelStudio
) -> None:
    project = connected(loop, make_image_project(admin, 24))
    assert loop.progress(project).report["notes"] == []
    annotator = Annotator(real_label_studio.url, real_label_studio.token, brightness, "image")
    for _ in range(10):
        annotator.label_next(project)
    wait_for("10 labels", lambda: loop.status(project).labels == 10)
    assert_nothing_is_lost(loop, project)
    assert correct(loop, project, brightness) == 1.0


def test_numeric_fields_are_learned_from(
    loop: Loop, admin: LabelStudio, real_label_studio: RealLabelStudio
) -> None:
    project = connected(loop, make_number_project(admin, 60))
    annotator = Annotator(real_label_studio.url, real_label_studio.token, heaviness, "header")
    for _ in range(20):
        annotator.label_next(project)
    wait_for("20 labels", lambda: loop.status(project).labels == 20)
    assert_nothing_is_lost(loop, project)
    assert correct(loop, project, heaviness) >= 0.9


def connected(loop: Loop, project: int) -> int:
    """Switch the loop on for a project whose annotators are shown every guess; return its id."""
    store_options(loop.store.folder(project), {"prefill": "always"})
    return loop.connected(project)


def correct(loop: Loop, project: int, answers: object) -> float:
    """Return the share of the queue head whose pre-annotation is right; the audit share has none."""
    published = loop.published(project)
    assert published is not None
    right = []
    for page in loop.label_studio.iter_tasks(
        project, include=["data", "predictions", "model_version", "result"]
    ):
        for task in page:
            right += [
                p["result"][0]["value"]["choices"] == [answers(task["data"])]  # type: ignore[operator]
                for p in task["predictions"]
                if p["model_version"] == published.version and task["id"] not in published.audit
            ]
    assert right
    return sum(right) / len(right)
