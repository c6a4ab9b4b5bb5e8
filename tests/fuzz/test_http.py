"""Every address by its description: what fits is answered as described, and so is what does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from backend.web.openapi import ACTIONS, OPERATIONS, PARAMETERS, description
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
        (method.lower(), _address(str(rule)))
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(OPERATIONS)


def _address(rule: str) -> str:
    """Return a route as OpenAPI writes it."""
    named = re.sub(r"<(?:any\([^)]*\):|int:|path:)?(\w+?)(?:_id)?>", r"{\1}", rule)
    return named.replace("{form}", "{format}")


PAGES = [path for method, path in OPERATIONS if path.startswith("/dashboard") and method == "get"]
WORDS = st.text(max_size=12) | st.sampled_from(
    ["0", "-1", "9" * 30, "1e9", "../..", "%00", "learning", "queue"]
)


@pytest.mark.parametrize("path", PAGES)
@tries(15)
@given(
    names=st.fixed_dictionaries(dict.fromkeys(PARAMETERS, WORDS)),
    query=st.dictionaries(
        st.sampled_from(["q", "state", "order", "page", "queue", "rounds", "suspects", "what", "done"]), WORDS
    ),
)
def test_any_page_is_answered_as_described(
    client: FlaskClient, path: str, names: dict[str, str], query: dict[str, str]
) -> None:
    filled = {name: quote(word, safe="") for name, word in names.items()}
    answer = client.get(path.format(**filled), query_string=query)
    # Of an address that no route has, 404 is said before any description.
    assert str(answer.status_code) in {*DESCRIPTION["paths"][path]["get"]["responses"], "404", "308"}
    assert answer.status_code < 500


@tries(25)
@given(
    action=st.sampled_from(ACTIONS),
    project=WORDS,
    form=st.dictionaries(st.sampled_from(["token", "version", "pause", "batch_size"]), WORDS),
)
def test_no_made_up_form_is_taken(
    client: FlaskClient, action: str, project: str, form: dict[str, str]
) -> None:
    answer = client.post(f"/dashboard/{quote(project, safe='')}/{action}", data=form)
    assert answer.status_code in (403, 404)


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
