"""Label Studio's ML protocol, request by request as its 1.23 sends them."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from backend.errors import ModelStoreError
from backend.web import ml_protocol
from tests.backend.web.conftest import SHOWN

CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="a"/></Choices></View>'
)
SETUP = {
    "project": "2.1795330824",
    "schema": CONFIG,
    "hostname": "http://localhost:8080",
    "access_token": "legacy",
    "extra_params": None,
}


def predict(client, tasks, project="2.1795330824"):
    params = {"login": "", "password": "", "context": None}
    body = {"tasks": tasks, "project": project, "label_config": CONFIG, "params": params}
    return client.post("/predict", data=json.dumps(body), content_type="application/json")


def test_setup_answers_the_published_version(client, predictor):
    assert client.post("/setup", json=SETUP).json == {"model_version": "v7"}
    predictor.version = None
    assert client.post("/setup", json=SETUP).json == {"model_version": None}


@pytest.mark.parametrize("params", [None, "", "  ", "{}", {}, '{"batch_size": 5}', {"strategy": "random"}])
def test_setup_takes_extra_params_as_label_studio_sends_them(client, params):
    assert client.post("/setup", json=SETUP | {"extra_params": params}).status_code == 200


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ('{"batch_size": 0}', "batch_size"),
        ({"exploration": 2}, "exploration"),
        ({"no_such_option": 1}, "no_such_option"),
        ({"estimator": "os:system"}, "estimator"),
        ({"strategy": "no-such-strategy"}, "extra params"),
        ("{", "extra params"),
        ("[" * 100_000, "extra params"),
        ([], "extra_params"),
        (7, "extra_params"),
    ],
)
def test_setup_names_the_wrong_extra_param(client, params, name):
    answer = client.post("/setup", json=SETUP | {"extra_params": params})
    assert answer.status_code == 422
    assert name in answer.json["error"]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE_CONFIGS = {
    "billion laughs": f'<!DOCTYPE v [<!ENTITY l0 "ha">{LAUGHS}]><View>&l9;</View>',
    "quadratic": f'<!DOCTYPE v [<!ENTITY a "{"x" * 50_000}">]><View>{"&a;" * 20_000}</View>',
    "external entity": '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>',
    "external DTD": '<!DOCTYPE v SYSTEM "http://127.0.0.1:1/x.dtd"><View/>',
    "deep": "<View>" * 200_000,
    "deep and closed": "<View>" * 1000 + "</View>" * 1000,
    "ten megabytes": f"<View>{'x' * 10_000_000}</View>",
    "no XML": "{}",
    "lone surrogate": "<View>\ud800</View>",
}


@pytest.mark.parametrize("name", HOSTILE_CONFIGS)
def test_a_hostile_labeling_config_is_422(client, name):
    answer = client.post("/setup", json=SETUP | {"schema": HOSTILE_CONFIGS[name]})
    assert (answer.status_code, answer.json["field"]) == (422, "schema")
    assert "root:" not in answer.json["error"]


def test_a_config_without_a_control_is_accepted_since_cold_start_needs_none(client):
    assert client.post("/setup", json=SETUP | {"schema": "<View></View>"}).status_code == 200


def test_predict_answers_one_result_per_task_in_order(client, predictor):
    tasks = [{"id": n, "data": {"text": "x" * n}} for n in (3, 1, 2)]
    answer = predict(client, tasks)
    assert answer.json["model_version"] == "v7"
    assert [result["score"] for result in answer.json["results"]] == [4.0, 2.0, 3.0]
    assert predictor.asked == [2]


def test_stored_predictions_queue_behind_the_head_whose_scores_are_below_1(client, predictor):
    """Label Studio stores an answer under the published version and serves the lowest score first."""
    predictor.predict = lambda project_id, tasks: (
        [{"result": SHOWN, "score": s} for s in (0.0, 0.5, None)],
        "v7",
    )
    scores = [result["score"] for result in predict(client, [{"id": n} for n in (1, 2, 3)]).json["results"]]
    assert scores == [1.0, 1.5, 1.0]


def test_before_there_is_a_model_each_task_gets_no_prediction_and_label_studio_stores_none(client, predictor):
    """One without a version makes its 1.23 answer 400 to whoever opens the task."""
    predictor.version = None
    answer = predict(client, [{"id": 1, "data": {"text": "x"}}, {"id": 2}])
    assert answer.json == {"model_version": None, "results": [[], []]}


def test_every_prediction_names_its_version(client):
    results = predict(client, [{"id": 1}, {"id": 2}]).json["results"]
    assert [result["model_version"] for result in results] == ["v7", "v7"]


def test_a_task_that_is_shown_nothing_gets_no_prediction(client, predictor):
    """An empty one would be stored, and hide what other models have predicted."""
    predictor.predict = lambda project_id, tasks: ([{"result": r, "score": 1.0} for r in (SHOWN, [])], "v7")
    shown, nothing = predict(client, [{"id": 1}, {"id": 2}]).json["results"]
    assert (shown["result"], nothing) == (SHOWN, [])


def test_no_tasks_get_no_results(client):
    assert predict(client, []).json == {"model_version": "v7", "results": []}


def test_a_damaged_model_gives_no_predictions(client, predictor):
    predictor.fails_with = ModelStoreError("checksum")
    answer = predict(client, [{"id": 1}, {"id": 2}])
    assert (answer.status_code, answer.json["results"]) == (200, [[], []])


ODD_TEXTS = [None, 7, ["a"], {"a": 1}, "", "x" * 5_000_000, "\ud800", "\x00", "<b>", "𝒳"]


@pytest.mark.parametrize("number", range(len(ODD_TEXTS)))
def test_any_task_text_gets_a_result(client, number):
    answer = predict(client, [{"id": 1, "data": {"text": ODD_TEXTS[number]}}, {"id": 2, "data": {}}])
    assert (answer.status_code, len(answer.json["results"])) == (200, 2)


def test_text_that_looks_like_an_address_is_never_fetched(client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        port = listener.getsockname()[1]
        calls = []

        def count():
            try:
                calls.append(listener.accept())
            except TimeoutError:
                return

        thread = threading.Thread(target=count)
        thread.start()
        texts = [
            f"http://127.0.0.1:{port}/",
            f"http://localhost:8080@127.0.0.1:{port}/",
            "file:///etc/passwd",
        ]
        texts += ["/data/local-files/?d=../../etc/passwd", "http://169.254.169.254/latest/meta-data"]
        answer = predict(client, [{"id": n, "data": {"text": text}} for n, text in enumerate(texts)])
        client.post("/setup", json=SETUP | {"hostname": f"http://127.0.0.1:{port}"})
        thread.join()
    assert [result["score"] for result in answer.json["results"]] == [1.0 + len(text) for text in texts]
    assert calls == []


@pytest.mark.parametrize("tasks", [None, {}, "x", [1], [[]], [None], ["x"], [{"data": "x"}], [{"data": []}]])
def test_tasks_of_the_wrong_kind_are_refused_by_name(client, tasks):
    answer = predict(client, tasks)
    assert answer.status_code == 422
    assert answer.json["field"].startswith("tasks")


@pytest.mark.parametrize("path", ["/setup", "/predict", "/train", "/delete"])
@pytest.mark.parametrize("project", ["../../x", -1, True, None, 10**30, {}, 0.5])
def test_a_hostile_project_is_refused_by_name(client, path, project, tmp_path):
    answer = client.post(path, json={"project": project, "tasks": [], "schema": CONFIG})
    assert answer.status_code == 422
    assert answer.json["field"].startswith("project")
    assert list(tmp_path.rglob("*")) == []


def test_train_asks_for_a_round_and_trains_nothing(client, marker):
    body = {"annotations": [{"id": 1}], "project": "5.17", "label_config": CONFIG, "params": {}}
    answer = client.post("/train", json=body)
    assert (answer.status_code, answer.json) == (202, {"project": 5, "queued": True})
    assert marker.marks == [(5, "START_TRAINING")]


def test_label_studio_asks_for_versions_without_naming_a_project(client):
    assert client.get("/versions").json == {"versions": []}
    assert client.get("/versions?project=2.5").json == {"versions": ["v7"]}
    assert client.post("/versions", json={"project": "2.5"}).json == {"versions": ["v7"]}
    assert client.get("/versions?project=../x").status_code == 422


def test_no_training_job_is_known_to_label_studio(client):
    answer = client.post("/job_status", json={"job": "abc"})
    assert (answer.status_code, answer.json) == (410, {"job_status": "removed"})


def test_delete_and_duplicate_change_nothing(client, marker, tmp_path):
    assert client.post("/delete", json={"project": "2.5"}).json == {"deleted": False}
    answer = client.post("/duplicate_model", json={"project_src": "2.5", "project_dst": "3.5"})
    assert answer.json == {"duplicated": False}
    assert marker.marks == []
    assert list(tmp_path.rglob("*")) == []


def test_more_tasks_than_a_page_holds_are_refused(client, predictor):
    answer = predict(client, [{}] * 10_001)
    assert (answer.status_code, answer.json["field"]) == (422, "tasks")
    assert predictor.asked == []


def test_tasks_for_which_the_time_is_not_enough_are_answered_as_not_known(client, monkeypatch):
    monkeypatch.setattr(ml_protocol, "PREDICT_SECONDS", 0.0)
    answer = predict(client, [{"data": {"text": "x"}}] * 3)
    assert answer.json["results"] == [[], [], []]


def test_many_tasks_are_answered_in_parts_and_in_order(client):
    answer = predict(client, [{"data": {"text": "x" * n}} for n in range(500)])
    assert [result["score"] for result in answer.json["results"]] == [1.0 + n for n in range(500)]
