"""Rounds of projects whose answers are no labels: spans, regions, numbers, rankings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.controls import learnable_controls
from backend.learning.tasks import Tasks
from backend.loop.lease import take_lease
from backend.loop.report import RoundReport
from backend.loop.round import run_round
from backend.services import Services
from tests.backend.learning.lessons import GRADES, NAMES, PLACES
from tests.fakes.label_studio import FakeLabelStudio

Made = tuple[dict[str, Any], list[dict[str, Any]]]


def item(name: str, kind: str, value: dict[str, Any], key: str = "") -> dict[str, Any]:
    return {"from_name": name, "to_name": "t", "type": kind, "value": value, "id": key or f"{name}-0"}


def spans(i: int) -> Made:
    name, place = NAMES[i % len(NAMES)], PLACES[i % len(PLACES)]
    text = f"{name} went to {place}" if i % 3 else f"day {i} was long"
    ends = ((0, len(name), "PER"), (len(name) + 9, len(text), "LOC")) if i % 3 else ()
    marked = [
        item("c", "labels", {"start": start, "end": end, "labels": [label]}, f"r{start}")
        for start, end, label in ends
    ]
    return {"text": text}, marked


def regions(i: int) -> Made:
    text = f"{'street busy cars' if i % 2 else 'empty field'} picture {i}"
    box = {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0, "rectanglelabels": ["car"]}
    return {"text": text}, [item("c", "rectanglelabels", box, f"r{k}") for k in range(3 * (i % 2))]


def numbers(i: int) -> Made:
    return {"text": f"{('tiny', 'small', 'large', 'huge')[i % 4]} thing {i}"}, [
        item("c", "number", {"number": i % 4})
    ]


def rankings(i: int) -> Made:
    items = [{"id": f"{(k + i) % 4}", "title": GRADES[k], "body": f"nr {i}"} for k in range(4)]
    order = {"c": [f"{(k + i) % 4}" for k in range(4)]}
    return {"text": f"query {i}", "l": items}, [item("c", "ranker", {"ranker": order})]


TEXT = '<View><Text name="t" value="$text"/>{}</View>'
KINDS: dict[str, tuple[str, Callable[[int], Made]]] = {
    "spans": ('<Labels name="c" toName="t"><Label value="PER"/><Label value="LOC"/></Labels>', spans),
    "regions": ('<RectangleLabels name="c" toName="t"><Label value="car"/></RectangleLabels>', regions),
    "numbers": ('<Number name="c" toName="t"/>', numbers),
    "rankings": ('<List name="li" value="$l"/><Ranker name="c" toName="li"/>', rankings),
}


def do_round(services: Services, project: int) -> RoundReport:
    with take_lease(services.redis, project, 15, 0) as lease:
        assert lease is not None
        return run_round(services, project, lease)


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_learns_orders_and_stores_what_it_has_learned(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, kind: str
) -> None:
    controls, made = KINDS[kind]
    project = int(label_studio.create_project(title=kind, label_config=TEXT.format(controls))["id"])
    given = [made(i) for i in range(48)]
    ids = label_studio.import_tasks(project, [{"data": data} for data, _ in given])
    for task, (_, result) in list(zip(ids, given, strict=True))[:30]:
        label_studio.annotate(task, result)
    report = do_round(services, project)
    (question,) = report.questions
    assert question.missing is None
    assert question.labels == 30
    assert report.has_model
    head = [p for p in fake.world.predictions.values() if p["model_version"] == report.version]
    assert {p["task"] for p in head} == set(ids[30:])
    model = services.store.load(project, str(report.version))
    rest = [data for data, _ in given[30:]]
    guesses = model.guesses_of(Tasks.of(rest, model.reader.features_of(rest, lambda path: b"")))["c"]
    (control,) = learnable_controls(TEXT.format(controls))
    right = [
        g.answer == control.answer_of(result) for g, (_, result) in zip(guesses, given[30:], strict=True)
    ]
    assert sum(right) >= 16, "of 18"
