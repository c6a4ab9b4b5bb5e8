"""Another model's predictions as a source of doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.label_studio.records import Annotation
from backend.loop.foreign import ForeignDoubt
from backend.loop.lease import take_lease
from backend.loop.options import store_options
from backend.loop.report import RoundReport
from backend.loop.round import run_round
from backend.services import Services
from tests.fakes.label_studio import FakeLabelStudio

BOXES = (
    '<View><Text name="t" value="$text"/><Image name="i" value="$image"/>'
    '<RectangleLabels name="b" toName="i"><Label value="cat"/><Label value="dog"/></RectangleLabels></View>'
)


def box(label: str, score: float | None = None, *, x: float = 10, width: float = 20) -> dict[str, Any]:
    value = {"x": x, "y": 10, "width": width, "height": 20, "rotation": 0, "rectanglelabels": [label]}
    item = {"from_name": "b", "to_name": "i", "type": "rectanglelabels", "value": value}
    return item if score is None else item | {"score": score}


def prediction(*items: dict[str, Any], score: float | None = None) -> dict[str, Any]:
    return {"score": score, "result": list(items)}


def test_a_task_is_doubtful_as_some_region_of_it_is_probably_wrong() -> None:
    doubt = ForeignDoubt().of(
        [
            prediction(box("cat", 0.9)),
            prediction(box("cat", 0.9), box("dog", 0.5)),
            prediction(box("cat", 1.0)),
        ]
    )
    np.testing.assert_allclose(doubt, [0.1, 1 - 0.9 * 0.5, 1e-4], atol=1e-6)


def test_without_confidences_the_tasks_own_score_counts_and_without_a_prediction_the_mean() -> None:
    doubt = ForeignDoubt().of([prediction(box("cat"), score=0.8), None, prediction(box("cat"))])
    np.testing.assert_allclose(doubt, [0.2, (0.2 + 0.5) / 2, 0.5])
    assert ForeignDoubt().of([None, None]).tolist() == [0.5, 0.5]


def test_where_nothing_was_found_is_half_as_doubtful_as_the_others_unless_the_model_is_surer() -> None:
    found = [prediction(box("cat", 0.4)), prediction(box("cat", 0.6))]
    nothing = [prediction(score=0.0), prediction(), prediction(score=0.9)]
    np.testing.assert_allclose(ForeignDoubt().of([*found, *nothing]), [0.6, 0.4, 0.25, 0.25, 0.1])
    assert ForeignDoubt().of(nothing).tolist() == pytest.approx([1.0, 0.5, 0.1])


def test_annotators_teach_how_often_something_was_there_where_nothing_was_found() -> None:
    predicted: dict[int, list[dict[str, Any]]] = {9: [box("cat", 0.6)]} | {i: [] for i in range(5)}
    other = {"from_name": "weather", "type": "choices", "value": {"choices": ["rain"]}}
    annotated = {i: [annotation(i, other, *([box("dog")] if i < 2 else []))] for i in range(5)}
    learned = ForeignDoubt.learned(predicted, annotated)
    assert (learned.empty, learned.filled) == (5, 2)
    doubt = learned.of([prediction(box("cat", 0.6)), prediction()])
    np.testing.assert_allclose(doubt, [0.4, (2 + 4 * 0.2) / (5 + 4)])


@pytest.mark.parametrize("score", [True, "high", None, float("nan"), float("inf")])
def test_what_is_no_confidence_is_none(score: Any) -> None:
    assert ForeignDoubt().of([prediction(box("cat") | {"score": score})]).tolist() == [0.5]


def annotation(task: int, *items: dict[str, Any], skipped: bool = False) -> Annotation:
    return Annotation(task, task, list(items), skipped, False, "2026-01-01T00:00:00.000000Z")


def test_corrections_teach_which_labels_confidence_means_what() -> None:
    """Sure of cats and always right; as sure of dogs and right half the time."""
    predicted = {i: [box("cat", 0.9), box("dog", 0.9, x=60)] for i in range(40)}
    annotated = {
        i: [annotation(i, box("cat", x=11), *([box("dog", x=60)] if i % 2 else []))] for i in range(40)
    }
    learned = ForeignDoubt.learned(predicted, annotated)
    assert learned.corrected == 80
    cat, dog = learned.of([prediction(box("cat", 0.9)), prediction(box("dog", 0.9))])
    assert cat < 0.06
    assert 0.4 < dog < 0.55


def test_a_region_is_right_where_one_of_its_label_overlaps_by_half() -> None:
    predicted = {i: [box("cat", 0.7)] for i in range(4)}
    annotated = {
        0: [annotation(0, box("cat", x=16))],  # 14 of 26 in common
        1: [annotation(1, box("cat", x=17))],  # 13 of 27
        2: [annotation(2, box("dog"))],
        3: [annotation(3, skipped=True)],
    }
    assert ForeignDoubt.learned(predicted, annotated).corrected == 3
    right = ForeignDoubt.learned({0: predicted[0]}, {0: annotated[0]}).of([prediction(box("cat", 0.7))])
    wrong = [
        ForeignDoubt.learned({i: predicted[i]}, {i: annotated[i]}).of([prediction(box("cat", 0.7))])
        for i in (1, 2)
    ]
    assert right < 0.3 < min(wrong)


@pytest.fixture
def project(label_studio: LabelStudio) -> int:
    return int(label_studio.create_project(title="Boxes", label_config=BOXES)["id"])


def do_round(services: Services, project: int) -> RoundReport:
    with take_lease(services.redis, project, 15, 0) as lease:
        assert lease is not None
        return run_round(services, project, lease)


def test_a_project_is_ordered_by_the_predictions_it_names_and_they_stay_on_show(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project: int
) -> None:
    parts = ("zib", "quo", "mar", "fen", "lup"), ("ax", "od", "il", "ut", "ey", "ow")
    words = [f"{a}{b}{a}" for a in parts[0] for b in parts[1]]
    data = [{"data": {"text": word, "image": "/data/x.png"}} for word in words]
    ids = label_studio.import_tasks(project, data)
    confidences = np.random.default_rng(0).permutation(30) / 40 + 0.2
    rows = [
        {"task": task, "model_version": "yolo-3", "score": 0.5, "result": [box("cat", float(c))]}
        for task, c in zip(ids, confidences, strict=True)
    ]
    label_studio.import_predictions(project, rows)
    store_options(
        services.store.folder(project),
        {"predictions": "yolo-3", "exploration": 0, "strategy": "uncertainty", "queue_size": 5},
    )
    report = do_round(services, project)
    published = services.store.published(project)
    assert published is not None
    assert list(published.head) == [ids[i] for i in np.argsort(confidences)[:5]]
    head = [p for p in fake.world.predictions.values() if p["model_version"] == report.version]
    shown = {p["task"]: p["result"] for p in head}
    assert all(shown[task][0]["score"] == confidences[ids.index(task)] for task in published.head)
    assert any("ordered by the predictions of yolo-3" in note for note in report.notes)


def test_a_version_that_is_not_there_is_named_with_those_that_are(
    services: Services, label_studio: LabelStudio, project: int
) -> None:
    (task,) = label_studio.import_tasks(project, [{"data": {"text": "a", "image": "/data/x.png"}}])
    label_studio.import_predictions(project, [{"task": task, "model_version": "yolo-3", "result": []}])
    store_options(services.store.folder(project), {"predictions": "yolo-4"})
    report = do_round(services, project)
    assert (
        "option predictions: no predictions of 'yolo-4' in the project; versions there: yolo-3"
        in report.notes
    )
