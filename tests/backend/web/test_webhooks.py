"""What each webhook asks for."""

from __future__ import annotations

import pytest

from backend.web.webhooks import LEARNING_ACTIONS
from tests.backend.web.conftest import WITH_SECRET

CHOICES = (
    '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="a"/></Choices></View>'
)


def payload(action, **project):
    return {"action": action, "project": {"id": 3, "title": "P", "label_config": CHOICES} | project}


@pytest.mark.parametrize("action", sorted(LEARNING_ACTIONS))
def test_an_event_that_can_teach_marks_its_project_dirty(client, marker, action):
    answer = client.post("/webhook", json=payload(action), headers=WITH_SECRET)
    assert (answer.status_code, answer.json) == (202, {"project": 3, "queued": True})
    assert marker.marks == [(3, action)]


def test_a_webhook_without_payload_names_its_project_in_the_address(client, marker):
    answer = client.post("/webhook/12", json={"action": "ANNOTATION_CREATED"}, headers=WITH_SECRET)
    assert answer.status_code == 202
    assert marker.marks == [(12, "ANNOTATION_CREATED")]


def test_a_webhook_without_payload_and_project_is_told_which_address_to_use(client, marker):
    answer = client.post("/webhook", json={"action": "ANNOTATION_CREATED"}, headers=WITH_SECRET)
    assert answer.status_code == 422
    assert "/webhook/<project id>" in answer.json["error"]
    assert marker.marks == []


def test_an_address_and_a_payload_that_name_different_projects_are_refused(client, marker):
    answer = client.post("/webhook/4", json=payload("ANNOTATION_CREATED"), headers=WITH_SECRET)
    assert answer.status_code == 422
    assert answer.json["error"].startswith("project: ")
    assert marker.marks == []


@pytest.mark.parametrize(
    "action", ["LABEL_LINK_CREATED", "PROJECT_CREATED", "SOMETHING_NEW", "\u0000", "x" * 128]
)
def test_an_unknown_action_is_acknowledged_and_ignored(client, marker, action):
    answer = client.post("/webhook", json=payload(action), headers=WITH_SECRET)
    assert (answer.status_code, answer.json) == (200, {"ignored": True, "queued": False})
    assert marker.marks == []


def test_an_unknown_action_without_a_project_is_ignored_too(client):
    assert client.post("/webhook", json={"action": "SOMETHING_NEW"}, headers=WITH_SECRET).status_code == 200


def test_a_project_update_counts_only_when_the_labeling_config_changed(client, marker):
    first, renamed = payload("PROJECT_UPDATED"), payload("PROJECT_UPDATED", title="new", model_version="v8")
    changed = payload("PROJECT_UPDATED", label_config=CHOICES.replace('"a"', '"b"'))
    codes = [
        client.post("/webhook", json=body, headers=WITH_SECRET).status_code
        for body in (first, renamed, renamed, changed, changed, first)
    ]
    assert codes == [202, 200, 200, 202, 200, 202]
    assert len(marker.marks) == 3


def test_the_labeling_config_of_any_event_is_remembered(client, marker):
    client.post("/webhook", json=payload("ANNOTATION_CREATED"), headers=WITH_SECRET)
    assert client.post("/webhook", json=payload("PROJECT_UPDATED"), headers=WITH_SECRET).status_code == 200


def test_labeling_configs_are_remembered_per_project(client, marker):
    for project in (3, 4, 3, 4):
        client.post("/webhook", json=payload("PROJECT_UPDATED", id=project), headers=WITH_SECRET)
    assert [project for project, _ in marker.marks] == [3, 4]


def test_a_project_update_without_a_labeling_config_marks_dirty(client, marker):
    for _ in range(2):
        client.post("/webhook/3", json={"action": "PROJECT_UPDATED"}, headers=WITH_SECRET)
    assert marker.marks == [(3, "PROJECT_UPDATED")] * 2


def test_start_training_has_no_annotation_and_is_accepted(client, marker):
    answer = client.post(
        "/webhook", json={"action": "START_TRAINING", "project": {"id": 2}}, headers=WITH_SECRET
    )
    assert answer.status_code == 202
    assert marker.marks == [(2, "START_TRAINING")]


def test_several_annotations_at_once_come_as_a_list(client, marker):
    body = payload("ANNOTATIONS_CREATED") | {"annotation": [{"id": 1}, {"id": 2}]}
    assert client.post("/webhook", json=body, headers=WITH_SECRET).status_code == 202
    body = payload("ANNOTATIONS_DELETED") | {"annotations": [{"id": 1}]}
    assert client.post("/webhook", json=body, headers=WITH_SECRET).status_code == 202


@pytest.mark.parametrize(
    "project",
    ["../../x", "", "2/..", "-1", -1, 0, True, False, 1.5, 10**30, "9" * 20, [], None, "٣", "2.", "2\n"],
)
def test_a_hostile_project_is_refused_by_name_and_touches_no_file(client, marker, project, tmp_path):
    for body in ({"project": project}, {"project": {"id": project}}):
        answer = client.post("/webhook", json={"action": "TASKS_CREATED"} | body, headers=WITH_SECRET)
        assert answer.status_code == 422
        assert (answer.json.get("field") or answer.json["error"]).startswith("project")
    assert marker.marks == []
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("action", [None, 1, [], {}, "", "x" * 129])
def test_a_hostile_action_is_refused_by_name(client, action):
    answer = client.post("/webhook", json={"action": action, "project": 1}, headers=WITH_SECRET)
    assert (answer.status_code, answer.json["field"]) == (422, "action")


def test_a_missing_action_is_refused_by_name(client):
    answer = client.post("/webhook", json={"project": 1}, headers=WITH_SECRET)
    assert (answer.status_code, answer.json["field"]) == (422, "action")


@pytest.mark.parametrize("path", ["/webhook/0", "/webhook/" + "9" * 30])
def test_a_project_out_of_range_in_the_address_is_refused_by_name(client, path):
    answer = client.post(path, json={"action": "TASKS_CREATED"}, headers=WITH_SECRET)
    assert (answer.status_code, answer.json["field"]) == (422, "project")


@pytest.mark.parametrize("path", ["/webhook/-1", "/webhook/../x", "/webhook/1e3", "/webhook/two"])
def test_an_address_that_names_no_project_does_not_exist(client, path):
    assert client.post(path, json={"action": "TASKS_CREATED"}, headers=WITH_SECRET).status_code == 404


def test_the_answer_to_a_wrong_value_does_not_repeat_it(client):
    answer = client.post("/webhook", json={"action": "A", "project": "<script>x"}, headers=WITH_SECRET)
    assert "script" not in answer.get_data(as_text=True)
