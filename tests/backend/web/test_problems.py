"""Our own faults: a number for the sender, type and place for the log, nothing of what was sent."""

from __future__ import annotations

import logging

import pytest

from tests.backend.web.conftest import SECRET, WITH_SECRET, basic

TEXT = "a-text-that-nobody-may-read-in-a-log"
TOKEN = "a-token-of-label-studio"
JWT = "eyJhbGciOiJIUzI1NiJ9.sentinel.sentinel"
API_KEY = "a-personal-access-token"
REDIS_PASSWORD = "a-redis-password"
PASSWORD = "a-basic-auth-password"
SENTINELS = [TEXT, TOKEN, JWT, API_KEY, REDIS_PASSWORD, PASSWORD, SECRET]


def test_an_unexpected_error_is_500_with_a_number_that_the_log_has_too(client, predictor, caplog):
    predictor.fails_with = ValueError(f"could not convert {TEXT}")
    answer = client.post("/predict", json={"project": 1, "tasks": [{"data": {"text": TEXT}}]})
    assert answer.status_code == 500
    assert answer.json["error"] == "internal error"
    assert set(answer.json) == {"error", "request_id"}
    assert answer.json["request_id"] in caplog.text
    assert "ValueError" in caplog.text
    assert "in predict" in caplog.text
    assert TEXT not in caplog.text


def test_a_prediction_too_few_is_our_fault(client, predictor):
    predictor.predict = lambda project_id, tasks: ([], "v1")
    answer = client.post("/predict", json={"project": 1, "tasks": [{"id": 1}]})
    assert (answer.status_code, answer.json["error"]) == (500, "internal error")


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/no-such", 404), ("GET", "/setup", 405)])
def test_every_error_is_json(client, method, path, code):
    answer = client.open(path, method=method)
    assert (answer.status_code, list(answer.json)) == (code, ["error"])


def test_no_secret_and_no_task_text_is_logged_at_debug(app_for, marker, predictor, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("werkzeug").setLevel(logging.DEBUG)
    client = app_for(
        label_studio_api_key=API_KEY,
        redis_url=f"redis://:{REDIS_PASSWORD}@127.0.0.1:1/0",
        basic_auth_user="u",
        basic_auth_pass=PASSWORD,
        log_level="DEBUG",
    ).test_client()
    login = basic("u", PASSWORD)
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "task": {"data": {"text": TEXT}}}
    setup = {"project": "1.5", "schema": "<View/>", "hostname": f"http://{TEXT}", "access_token": TOKEN}
    tasks = {"project": 1, "tasks": [{"data": {"text": TEXT}}], "params": {"password": TOKEN}}
    client.post("/webhook", json=event, headers=WITH_SECRET)
    client.post("/webhook", json=event, headers={"Authorization": f"Bearer {JWT}"})
    client.post("/setup", json=setup, headers=login)
    client.post("/setup", json=setup | {"schema": f"<{TEXT}"}, headers=login)
    client.post("/predict", json=tasks, headers=login)
    client.post("/predict", data=f'{{"{TEXT}', content_type="application/json", headers=login)
    predictor.fails_with = RuntimeError(TEXT)
    client.post("/predict", json=tasks, headers=login)
    marker.down = True
    client.post("/webhook", json=event, headers=WITH_SECRET)
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "failed: RuntimeError" in logged
    assert [sentinel for sentinel in SENTINELS if sentinel in logged] == []


def test_no_answer_repeats_what_was_sent(client):
    bodies = [{"project": TEXT}, {"project": {"id": TEXT}}, {"action": [TEXT]}, {"tasks": TEXT, "project": 1}]
    answers = [
        client.post(path, json=body, headers=WITH_SECRET)
        for body in bodies
        for path in ("/webhook", "/predict")
    ]
    assert all(TEXT not in answer.get_data(as_text=True) for answer in answers)
