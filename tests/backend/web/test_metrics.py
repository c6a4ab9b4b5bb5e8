"""What Prometheus is told."""

from __future__ import annotations

from dataclasses import asdict

from prometheus_client.parser import text_string_to_metric_families

from backend.learning.accuracy import Accuracy
from backend.store.files import write_json
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.web.state import web_state
from tests.backend.web.conftest import WITH_SECRET


def samples(client):
    page = client.get("/metrics").get_data(as_text=True)
    families = text_string_to_metric_families(page)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


def test_webhooks_and_predictions_are_counted(app_for, marker):
    app = app_for()
    client = app.test_client()
    for action in ("ANNOTATION_CREATED", "ANNOTATION_CREATED", "TASKS_CREATED", "HOSTILE\nNAME"):
        client.post("/webhook/1", json={"action": action}, headers=WITH_SECRET)
    marker.down = True
    client.post("/webhook/1", json={"action": "TASKS_CREATED"}, headers=WITH_SECRET)
    client.post("/predict", json={"project": 1, "tasks": [{}, {}, {}]})
    got = samples(client)
    web_state(app).marks.close()
    assert got["clean_al_webhooks_received_total", ("ANNOTATION_CREATED",)] == 2
    assert got["clean_al_webhooks_received_total", ("TASKS_CREATED",)] == 2
    assert got["clean_al_webhooks_received_total", ("other",)] == 1
    assert got["clean_al_webhooks_acked_total", ()] == 3
    assert got["clean_al_webhooks_deferred_total", ()] == 1
    assert got["clean_al_webhooks_ignored_total", ()] == 1
    assert got["clean_al_predictions_total", ()] == 3
    assert got["clean_al_deferred_projects", ()] == 1


def test_the_time_of_every_answer_is_observed_refusals_too(client):
    client.get("/health")
    client.get("/no-such-page")
    client.post("/webhook", json={})
    got = samples(client)
    for endpoint, status in (("operations.health", "200"), ("none", "404"), ("webhooks.receive", "401")):
        assert got["clean_al_http_request_seconds_count", (endpoint, status)] == 1


def test_two_apps_count_apart(app_for):
    one, two = app_for().test_client(), app_for().test_client()
    one.post("/webhook/1", json={"action": "TASKS_CREATED"}, headers=WITH_SECRET)
    assert samples(one)["clean_al_webhooks_acked_total", ()] == 1
    assert samples(two)["clean_al_webhooks_acked_total", ()] == 0


def test_accuracy_is_a_gauge_per_project_and_absent_while_not_known(app_for, settings_for):
    app = app_for()
    store = ModelStore(settings_for().model_dir)
    known = Accuracy(0.9, 0.85, 0.95, audit_labels=41, at_labels=402, at_tasks=900, unknown_because=None)
    for project, accuracy in ((3, known), (4, Accuracy(audit_labels=7)), (5, known)):
        report = {"labels": 410, "candidates": 90, "accuracy": asdict(accuracy)}
        ProgressFile(store.folder(project)).succeed(report, {})
        if project != 5:  # the loop is off for this one
            write_json(store.folder(project) / "connection.json", {})
    got = samples(app.test_client())
    named = {name: value for name, value in got.items() if name[0].startswith("clean_al_project_")}
    assert named == {
        ("clean_al_project_labels", ("3",)): 410,
        ("clean_al_project_labels", ("4",)): 410,
        ("clean_al_project_candidates", ("3",)): 90,
        ("clean_al_project_candidates", ("4",)): 90,
        ("clean_al_project_audit_labels", ("3",)): 41,
        ("clean_al_project_audit_labels", ("4",)): 7,
        ("clean_al_project_accuracy", ("3",)): 0.9,
        ("clean_al_project_accuracy_low", ("3",)): 0.85,
        ("clean_al_project_accuracy_high", ("3",)): 0.95,
    }
