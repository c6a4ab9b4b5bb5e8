"""What annotators find filled in: others' predictions as they were, ours when sure, none on audit tasks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.accuracy import Accuracy
from backend.learning.answers import Guess
from backend.learning.controls import learnable_controls
from backend.loop.lease import take_lease
from backend.loop.predictor import Predictor
from backend.loop.prefill import Prefill
from backend.loop.report import RoundReport
from backend.loop.round import run_round
from backend.services import Services
from backend.store.models import Published
from backend.store.progress import ProgressFile
from tests.backend.samples import TEXT_CONFIG, chosen
from tests.fakes.label_studio import FakeLabelStudio

CONTROLS = learnable_controls(TEXT_CONFIG)
SURE_OF_ITSELF = Accuracy(slope=1.0, intercept=0.0)


def shown(wish: str, confidence: float, accuracy: Accuracy | None, *, hidden: bool = False) -> bool:
    accuracies = {} if accuracy is None else {"topic": accuracy}
    prefill = Prefill(wish, accuracies, CONTROLS)
    (result,) = prefill.results({"topic": [Guess("cats", confidence)]}, np.array([hidden]))
    assert result in ([], chosen("cats")) or result[0]["score"] == round(confidence, 4)
    return bool(result)


@pytest.mark.parametrize(
    ("wish", "confidence", "accuracy", "expected"),
    [
        ("always", 0.4, None, True),
        ("never", 0.99, SURE_OF_ITSELF, False),
        ("confident", 0.99, None, False),
        ("confident", 0.81, SURE_OF_ITSELF, True),
        ("confident", 0.79, SURE_OF_ITSELF, False),
        # By hand: 0.95 has log odds 2.944; a model that overrates itself twofold is right in 81 of 100.
        ("confident", 0.95, Accuracy(slope=0.5, intercept=0.0), True),
        ("confident", 0.93, Accuracy(slope=0.5, intercept=0.0), False),
        ("confident", 0.99, Accuracy(slope=1.0, intercept=-4.0), False),
    ],
)
def test_a_guess_is_shown_where_it_is_likely_right(
    wish: str, confidence: float, accuracy: Accuracy | None, expected: bool
) -> None:
    assert shown(wish, confidence, accuracy) is expected
    assert not shown(wish, confidence, accuracy, hidden=True)


WORDS = {"cats": "kitten purr whisker", "money": "bank stock bond", "conflict": "army siege truce"}


@pytest.fixture
def topics(label_studio: LabelStudio, project_id: int) -> dict[int, str]:
    labels = [list(WORDS)[i % 3] for i in range(90)]
    tasks = [{"data": {"text": f"{WORDS[label]} {i}"}} for i, label in enumerate(labels)]
    return dict(zip(label_studio.import_tasks(project_id, tasks), labels, strict=True))


def do_round(services: Services, project: int, **how: Any) -> RoundReport:
    published = services.store.published(project)
    with take_lease(services.redis, project, 15, published.fence if published else 0) as lease:
        assert lease is not None
        report = run_round(services, project, lease, **how)
    ProgressFile(services.store.folder(project)).succeed(asdict(report), {})
    return report


def head_of(fake: FakeLabelStudio, services: Services, project: int) -> tuple[Published, dict[int, Any]]:
    published = services.store.published(project)
    assert published is not None
    rows = [p for p in fake.world.predictions.values() if p["model_version"] == published.version]
    return published, {p["task"]: p["result"] for p in rows}


def options(fake: FakeLabelStudio, services: Services, project: int, **given: Any) -> None:
    backend = {"id": 50, "project": project, "url": services.settings.address, "title": "x"}
    fake.world.ml_backends[50] = backend | {"basic_auth_user": None, "extra_params": given}


def test_sure_guesses_are_shown_once_it_is_known_how_sure_they_are_and_none_on_audit_tasks(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int, topics: Any
) -> None:
    for task in list(topics)[:45]:
        label_studio.annotate(task, chosen(topics[task]))
    do_round(services, project_id)
    _, head = head_of(fake, services, project_id)
    assert not any(head.values()), "nothing is known yet of how often the model is right"
    do_round(services, project_id, force=True)
    published, head = head_of(fake, services, project_id)
    filled = {task for task, result in head.items() if result}
    assert published.audit
    assert filled
    assert not filled & set(published.audit)
    assert all(head[task][0]["value"]["choices"] == [topics[task]] for task in filled)
    tasks = label_studio.iter_tasks(project_id, include=("data",))
    both = [task for page in tasks for task in page if task["id"] in (*published.audit[:1], *filled)]
    answers, _ = Predictor(services).predict(project_id, both)
    assert [bool(answer["result"]) for answer in answers] == [task["id"] in filled for task in both]


@pytest.mark.parametrize(("wish", "expected"), [("always", True), ("never", False)])
def test_the_project_can_wish_for_all_or_none(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    project_id: int,
    topics: dict[int, str],
    wish: str,
    expected: bool,
) -> None:
    options(fake, services, project_id, prefill=wish)
    for task in list(topics)[:12]:
        label_studio.annotate(task, chosen(topics[task]))
    do_round(services, project_id)
    published, head = head_of(fake, services, project_id)
    assert all(bool(head[task]) is expected for task in set(published.head) - set(published.audit))
    assert not any(head[task] for task in published.audit)


def theirs(task: int, label: str, score: float) -> dict[str, Any]:
    result = [chosen(label)[0] | {"id": f"r{task}"}]
    return {"task": task, "model_version": "detector-7", "score": score, "result": result}


def test_what_another_model_predicted_stays_on_show_and_where_it_was(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int, topics: Any
) -> None:
    wanted = list(topics)[50:80]
    older = [theirs(task, "money", 0.1) | {"model_version": "detector-6"} for task in wanted]
    label_studio.import_predictions(project_id, older)
    label_studio.import_predictions(project_id, [theirs(task, "cats", 0.25) for task in wanted])
    before = {i: dict(p) for i, p in fake.world.predictions.items()}
    options(fake, services, project_id, prefill="always", queue_size=90)
    for task in list(topics)[:12]:
        label_studio.annotate(task, chosen(topics[task]))
    do_round(services, project_id)
    published, head = head_of(fake, services, project_id)
    assert set(published.head) == set(list(topics)[12:])
    for task in wanted:
        assert head[task] == theirs(task, "cats", 0.25)["result"], "the newest one, also on audit tasks"
    assert all(head[task] for task in set(published.head) - set(published.audit))
    assert {i: fake.world.predictions[i] for i in before} == before


def test_predictions_that_are_imported_later_make_a_new_head(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int, topics: Any
) -> None:
    assert do_round(services, project_id).outcome == "published"
    assert do_round(services, project_id).outcome == "nothing new"
    task = list(topics)[3]
    label_studio.import_predictions(project_id, [theirs(task, "cats", 0.5)])
    assert do_round(services, project_id).outcome == "published"
    assert head_of(fake, services, project_id)[1][task] == theirs(task, "cats", 0.5)["result"]
