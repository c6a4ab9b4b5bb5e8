"""Every address by its description: what fits is answered as described, and so is what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from backend.web.openapi import OPERATIONS, description
from tests.backend.web.conftest import SECRET
from tests.fuzz.inputs import ANYTHING, by_schema, changed, kept, tries

DESCRIPTION = description()
COMPONENTS = DESCRIPTION["components"]["schemas"]
WITH_BODY = [key for key, one in OPERATIONS.items() if one.body is not None]
ALLOWED = (200, 202, 410)


def response_to(client: FlaskClient, operation: tuple[str, str], data: bytes, project: int = 1) -> Any:
    method, path = operation
    headers = {"Authorization": f"Bearer {SECRET}"} if "webhook" in path else {}
    address = path.replace("{project}", str(project))
    return client.open(address, method=method, data=data, content_type="application/json", headers=headers)


def assert_as_described(operation: tuple[str, str], answer: Any) -> None:
    method, path = operation
    responses = DESCRIPTION["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, answer.status_code
    described = responses[str(answer.status_code)]
    if "$ref" in described:
        described = DESCRIPTION["components"]["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"]
    Draft202012Validator(schema | {"components": DESCRIPTION["components"]}).validate(answer.json)


def test_the_written_description_is_the_one_of_the_code() -> None:
    path = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert json.loads(path.read_text("utf-8")) == DESCRIPTION, (
        "python -m backend.web.openapi docs/openapi.json"
    )


def test_every_route_is_described_and_nothing_else(client: FlaskClient) -> None:
    routes = {
        (method.lower(), str(rule).replace("<int:project>", "{project}"))
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(OPERATIONS)


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda o: o[1])
@tries(15)
@given(data=st.data())
def test_what_fits_the_description_is_answered_as_described(
    client: FlaskClient, operation: tuple[str, str], data: st.DataObject
) -> None:
    schema = DESCRIPTION["paths"][operation[1]][operation[0]]["requestBody"]
    body = data.draw(by_schema(schema["content"]["application/json"]["schema"], COMPONENTS))
    answer = response_to(client, operation, json.dumps(body).encode())
    assert_as_described(operation, answer)
    # What a schema cannot say: the config's own grammar, the options' names, the project of an address.
    if answer.status_code not in ALLOWED:
        assert answer.status_code == 422
        assert answer.json["error"].startswith(("label_config", "extra params", "action", "project"))


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda o: o[1])
@tries(15)
@given(body=ANYTHING | st.dictionaries(st.sampled_from(["project", "tasks", "action", "schema"]), ANYTHING))
def test_any_json_is_answered_as_described(
    client: FlaskClient, operation: tuple[str, str], body: Any
) -> None:
    assert_as_described(operation, response_to(client, operation, json.dumps(body).encode()))


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda o: o[1])
@tries(15)
@given(body=changed(kept("bodies")))
def test_a_broken_body_is_answered_as_described(
    client: FlaskClient, operation: tuple[str, str], body: bytes
) -> None:
    assert_as_described(operation, response_to(client, operation, body))
