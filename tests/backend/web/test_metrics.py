"""What Prometheus is told."""

from __future__ import annotations

from dataclasses import asdict

from prometheus_client.parser import text_string_to_metric_families

from backend.learning.accuracy import Accuracy
from backend.store.files import write_json
from backend.store.insight import (
    Insight,
    LabelQuality,
    SavedLabels,
    StopAdvice,
    Suspect,
    save_insight,
)
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.web.state import web_state
from tests.backend.web.conftest import WITH_SECRET
from tests.backend.web.projects import ERROR


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
    states = [set(labels) for name, labels in named if name.endswith("_state")]
    assert states == [{"3", "", "waiting for labels"}, {"4", "", "waiting for labels"}]
    steady = ("queue", "rounds", "failures", "suspects")
    assert {n: v for n, v in named.items() if n[0].rpartition("project_")[2] in steady} == {
        (f"clean_al_project_{name}", (project,)): 0 for name in steady for project in "34"
    }
    known_names = (*steady, "state")
    assert {n: v for n, v in named.items() if n[0].rpartition("project_")[2] not in known_names} == {
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


def test_the_error_of_numbers_is_no_accuracy(app_for, settings_for):
    app = app_for()
    store = ModelStore(settings_for().model_dir)
    ProgressFile(store.folder(3)).succeed({"labels": 410, "accuracy": asdict(ERROR)}, {})
    write_json(store.folder(3) / "connection.json", {})
    got = samples(app.test_client())
    assert got["clean_al_project_error", ("3",)] == 2.4375
    assert got["clean_al_project_error_low", ("3",)] == 2.01
    assert ("clean_al_project_accuracy", ("3",)) not in got


def test_advice_savings_suspects_and_each_label_are_gauges(app_for, settings_for):
    app = app_for()
    store = ModelStore(settings_for().model_dir)
    report = {"labels": 10, "seconds": {"learn": 0.5}, "ended_at": "1970-01-01T00:01:00+00:00"}
    ProgressFile(store.folder(3)).succeed(report, {})
    write_json(store.folder(3) / "connection.json", {})
    known = LabelQuality('a "b"\n', 0.9, 0.8, 1.0, None, None, None, 5, "topic")
    suspect = Suspect(1, "a", "b", 0.9, "why")
    insight = Insight(
        stop=StopAdvice("stop", "enough"),
        savings=SavedLabels(40.0, 10.0, 90.0),
        per_label=(known,),
        suspects=(suspect, suspect),
    )
    save_insight(store.folder(3), insight)
    got = samples(app.test_client())
    assert got["clean_al_project_stop", ("3",)] == 1
    assert got["clean_al_project_labels_saved_low", ("3",)] == 10
    assert got["clean_al_project_suspects", ("3",)] == 2
    assert got["clean_al_project_last_round_seconds", ("3",)] == 60
    assert got["clean_al_project_label_precision", ('a "b"\n', "3", "topic")] == 0.9
    assert not [name for name, _ in got if name == "clean_al_project_label_recall"]
    assert got["clean_al_project_round_stage_seconds", ("3", "learn")] == 0.5


def test_a_queue_that_is_away_is_told_and_nothing_is_claimed_of_workers(app_for):
    got = samples(app_for().test_client())
    assert got["clean_al_queue_up", ()] == 0
    assert ("clean_al_workers", ()) not in got


def test_ready_says_what_is_down_without_a_login_and_without_a_reason(app_for):
    answer = app_for().test_client().get("/ready")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "NOT READY",
        "checks": {"queue": "down", "workers": "down", "label_studio": "down"},
    }
