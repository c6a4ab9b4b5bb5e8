"""Size, type and JSON of a body."""

from __future__ import annotations

import io
import json

import pytest

from backend.web.bodies import LONG
from tests.backend.web.conftest import WITH_SECRET

JSON = {"Content-Type": "application/json"}


def send(client, data, headers=JSON, path="/webhook"):
    return client.post(path, data=data, headers=WITH_SECRET | headers)


class Counting(io.RawIOBase):
    """A body without end that counts what was read of it."""

    def __init__(self):
        self.count = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = b"x" * len(buffer)
        self.count += len(buffer)
        return len(buffer)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_another_content_type_is_415(client, kind):
    assert send(client, b"{}", {"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"action": "ANNOTATION_CREATED", "proj', b"\xff\xfe", b"{}{}", b"{'a': 1}", b"\x00"],
)
def test_what_is_not_json_or_cut_off_is_400(client, data):
    assert send(client, data).status_code == 400


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_400(client, constant):
    assert send(client, b'{"action": "A", "project": %s}' % constant.encode()).status_code == 400


def test_a_number_too_large_for_a_float_is_no_project(client):
    answer = send(client, b'{"action": "A", "project": 1e400}')
    assert (answer.status_code, answer.json["field"]) == (422, "project")


def test_a_number_of_ten_thousand_digits_is_refused(client):
    assert send(client, b'{"action": "A", "project": ' + b"9" * 10_000 + b"}").status_code == 400


@pytest.mark.parametrize("data", [b"[]", b"[1]", b'"x"', b"1", b"null", b"true"])
def test_json_that_is_no_object_is_422(client, data):
    assert send(client, data).status_code == 422


def test_a_declared_length_over_the_limit_is_413_before_the_body_is_read(app_for, marker):
    body = Counting()
    client = app_for(max_body=4096).test_client()
    answer = client.post(
        "/webhook",
        content_type="application/json",
        headers=WITH_SECRET,
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "4097"},
    )
    assert answer.status_code == 413
    assert body.count == 0
    assert marker.marks == []


def test_a_chunked_body_over_the_limit_is_413_and_hardly_more_than_the_limit_is_read(app_for):
    body = Counting()
    client = app_for(max_body=4096).test_client()
    answer = client.post(
        "/webhook",
        content_type="application/json",
        headers=WITH_SECRET | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert body.count <= 2 * 4096


def test_a_body_of_exactly_the_limit_is_read(app_for):
    data = json.dumps({"action": "SOMETHING_NEW", "pad": ""})
    data = data.replace('""', '"' + "x" * (4096 - len(data)) + '"')
    assert len(data) == 4096
    assert send(app_for(max_body=4096).test_client(), data).status_code == 200


def test_an_import_too_large_to_read_still_marks_the_project_of_its_address(app_for, marker):
    client = app_for(max_body=4096).test_client()
    assert send(client, b"x" * 5000, path="/webhook/9").status_code == 413
    assert marker.marks == [(9, "TOO_LARGE")]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_json_nested_a_hundred_thousand_deep_is_400(client, opening):
    assert send(client, opening * 100_000).status_code == 400


def test_an_object_of_a_million_keys_is_read_or_refused_and_nothing_breaks(client):
    data = "{" + ",".join(f'"{n}":0' for n in range(1_000_000)) + "}"
    assert send(client, data).status_code == 422


@pytest.mark.parametrize("data", [b'{"tasks": [%s{}]}' % (b"{}," * 300_000), b"[" * 400_000])
def test_more_objects_than_anyone_needs_are_413_before_they_fill_the_memory(client, data):
    assert send(client, data).status_code == 413


def test_a_long_body_is_read_as_a_short_one_is(client, marker):
    """Long ones are parsed with a hook of ours: the last of two equal keys counts, and nothing is lost."""
    tasks = [{"id": n, "data": {"text": "words " * 40, "n": [n]}} for n in range(2_000)]
    event = '{"action": "ANNOTATION_CREATED", "action": "TASKS_CREATED", "tasks": %s, "project": {"id": 7}}'
    data = (event % json.dumps(tasks)).encode()
    assert len(data) > LONG
    assert send(client, data).status_code == 202
    assert marker.marks == [(7, "TASKS_CREATED")]
