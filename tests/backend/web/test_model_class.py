"""The SDK's model class, under the 1.x base that is installed and under a base of 2.x's shape."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import ClassVar

import pytest

from backend.errors import QueueUnavailable

CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="a"/></Choices></View>'
)


class SecondGenerationBase:
    """What 2.x's server relies on: a project, a store of strings, `setup` at the end of `__init__`."""

    store: ClassVar[dict[tuple[str, str], str]] = {}

    def __init__(self, project_id=None, label_config=None):
        self.project_id = project_id or ""
        self.setup()

    def set(self, key, value):
        self.store[self.project_id, key] = value

    def get(self, key):
        return self.store.get((self.project_id, key))

    def process_event(self, event, data, job_id, additional_params):
        return self.fit(event=event, data=data, job_id=job_id, **additional_params)


@pytest.fixture(scope="module")
def first():
    return importlib.import_module("backend.model").CleanALModel


@pytest.fixture(scope="module")
def second():
    """Load our module once more, over the other base."""
    stand_in = ModuleType("label_studio_ml.model")
    stand_in.LabelStudioMLBase = SecondGenerationBase
    spec = importlib.util.spec_from_file_location(
        "second_generation", importlib.util.find_spec("backend.model").origin
    )
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "label_studio_ml.model", stand_in)
        spec.loader.exec_module(module)
    return module.CleanALModel


def with_collaborators(base, marker, predictor):
    return type("Model", (base,), {"dirty_marker": marker, "predictor": predictor})


def task(project, text):
    return {"id": 1, "project": project, "data": {"text": text}}


def test_the_first_generation_predicts_each_task_with_its_own_projects_model(first, marker, predictor):
    model = with_collaborators(first, marker, predictor)(label_config=CONFIG, train_output=None, hostname="h")
    tasks = [task(3, "xx"), task(4, "x"), task(3, "xxxx")]
    predictions = model.predict(tasks, login="", password="", context=None)
    assert [p["score"] for p in predictions] == [3.0, 2.0, 5.0]
    assert {p["model_version"] for p in predictions} == {"v7"}
    assert predictor.asked == [3, 4]


def test_the_second_generation_predicts_for_the_project_of_the_request(second, marker, predictor):
    model = with_collaborators(second, marker, predictor)(project_id="9", label_config=CONFIG)
    assert [p["score"] for p in model.predict([task(3, "xx"), {"data": {}}], {"some": "context"})] == [
        3.0,
        1.0,
    ]
    assert predictor.asked == [9]


def test_the_second_generation_is_told_the_published_version(second, marker, predictor):
    assert with_collaborators(second, marker, predictor)(project_id="9").get("model_version") == "v7"
    predictor.version = None
    assert with_collaborators(second, marker, predictor)(project_id="10").get("model_version") is None
    assert with_collaborators(second, marker, predictor)().get("model_version") is None


def test_before_there_is_a_model_predictions_are_empty(first, second, marker, predictor):
    predictor.version = None
    for base in (first, second):
        model = with_collaborators(base, marker, predictor)(label_config=CONFIG)
        assert model.predict([task(3, "x")]) == [{"result": [], "score": 0.0}]
        assert model.predict([]) == []


@pytest.mark.parametrize("generation", ["first", "second"])
def test_an_event_asks_for_a_round_and_trains_nothing(generation, request, marker, predictor):
    model = with_collaborators(request.getfixturevalue(generation), marker, predictor)(label_config=CONFIG)
    data = {"project": {"id": 5, "label_config": CONFIG}}
    assert model.process_event("ANNOTATION_CREATED", data, "job", {}) == {"queued": [5]}
    assert marker.marks == [(5, "ANNOTATION_CREATED")]
    assert predictor.asked == []


def test_the_second_generation_gives_event_and_data_by_position(second, marker, predictor):
    model = with_collaborators(second, marker, predictor)(project_id="5")
    model.fit("START_TRAINING", {"project": {"id": 5}})
    assert marker.marks == [(5, "START_TRAINING")]


def test_the_first_generation_may_give_tasks_instead_of_an_event(first, marker, predictor):
    model = with_collaborators(first, marker, predictor)(label_config=CONFIG)
    answer = model.fit(iter([task(6, "a"), task(6, "b"), task(2, "c")]), "workdir", epochs=3)
    assert answer == {"queued": [2, 6]}
    assert marker.marks == [(2, "START_TRAINING"), (6, "START_TRAINING")]


def test_a_round_that_cannot_be_queued_is_an_error(first, marker, predictor):
    marker.down = True
    model = with_collaborators(first, marker, predictor)()
    with pytest.raises(QueueUnavailable):
        model.fit((), event="START_TRAINING", data={"project": {"id": 1}})


def test_a_hostile_project_is_refused(first, second, marker, predictor):
    for base in (first, second):
        model = with_collaborators(base, marker, predictor)()
        with pytest.raises(ValueError, match="project id"):
            model.predict([task("../../x", "a")])
        with pytest.raises(ValueError, match="project id"):
            model.fit("START_TRAINING", {"project": {"id": "../../x"}})
    assert marker.marks == []
