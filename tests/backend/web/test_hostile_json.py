"""Whatever JSON comes in, the answer is a JSON object with a status that says whose fault it is."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.web.webhooks import LEARNING_ACTIONS
from tests.backend.web.conftest import WITH_SECRET, Marker

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(["2", "2.5", "../../x", "project", "\ud800"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KEYS = [
    "action",
    "project",
    "tasks",
    "schema",
    "extra_params",
    "label_config",
    "id",
    "project_src",
    "project_dst",
]
BODIES = st.dictionaries(
    st.sampled_from(KEYS), ANYTHING | st.fixed_dictionaries({"id": ANYTHING}), max_size=6
)
PATHS = ["/webhook", "/webhook/1", "/setup", "/predict", "/train", "/versions", "/delete", "/duplicate_model"]
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def post(client: FlaskClient, path: str, data: bytes):
    return client.post(path, data=data, content_type="application/json", headers=WITH_SECRET)


@pytest.mark.parametrize("path", PATHS)
@QUIET
@given(body=BODIES)
def test_any_object_is_accepted_or_refused_with_the_fields_name(client: FlaskClient, path: str, body):
    answer = post(client, path, json.dumps(body).encode())
    assert answer.status_code in (200, 202, 422)
    assert isinstance(answer.json, dict)
    if answer.status_code == 422:
        assert any(name in answer.json["error"] for name in (*KEYS, "extra params"))


@pytest.mark.parametrize("path", PATHS)
@QUIET
@given(body=ANYTHING)
def test_any_json_is_answered(client: FlaskClient, path: str, body):
    answer = post(client, path, json.dumps(body).encode())
    assert answer.status_code in (200, 202, 400, 422)


@QUIET
@given(data=st.binary(max_size=200))
def test_any_bytes_are_answered(client: FlaskClient, data: bytes):
    assert post(client, "/webhook", data).status_code in (200, 400, 422)


@QUIET
@given(header=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60))
def test_no_made_up_authorization_gets_in(client: FlaskClient, header: str):
    answer = client.post("/webhook", json={}, headers={"Authorization": header})
    assert answer.status_code == 401


@QUIET
@given(action=st.sampled_from(sorted(LEARNING_ACTIONS)) | st.text(min_size=1, max_size=20), body=BODIES)
def test_only_a_learning_action_with_a_project_marks_that_project(
    client: FlaskClient, marker: Marker, action: str, body
):
    marker.marks.clear()
    answer = post(client, "/webhook", json.dumps(body | {"action": action}).encode())
    assert (answer.status_code == 202) == bool(marker.marks)
    assert all(reason in LEARNING_ACTIONS and project >= 1 for project, reason in marker.marks)
