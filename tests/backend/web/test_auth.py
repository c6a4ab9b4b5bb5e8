"""Who gets in."""

from __future__ import annotations

import hmac

import pytest

from backend.errors import SettingsError
from backend.secrets import ml_backend_login
from backend.settings import read_settings
from backend.web import auth
from backend.web.openapi import OPEN, OPERATIONS
from tests.backend.web.conftest import SECRET, WITH_SECRET, basic

LOGIN = {"basic_auth_user": "labeler", "basic_auth_pass": "pass:wörd"}
EVENT = {"action": "ANNOTATION_CREATED", "project": 1}
ML_CALLS = [
    ("/setup", {"project": "1.5", "schema": "<View/>"}),
    ("/predict", {"project": "1.5", "tasks": []}),
    ("/train", {"project": "1.5"}),
    ("/versions", {"project": "1.5"}),
    ("/job_status", {"job": "x"}),
    ("/delete", {"project": "1.5"}),
    ("/duplicate_model", {"project_src": "1.5", "project_dst": "2.5"}),
]
WRONG = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Bearer {SECRET}x"},
    {"Authorization": f"Bearer {SECRET[:-1]}"},
    {"Authorization": f"Basic {SECRET}"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Basic \xff"},
    {"Authorization": f"Token {SECRET}"},
    {"Authorization": SECRET},
    basic("clean-al", "wrong"),
    basic("", ""),
]


class Untouchable:
    """A body that must not be read."""

    def read(self, *_):
        raise AssertionError("the body was read")

    readline = readlines = __iter__ = read


UNREAD = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "10"}


@pytest.mark.parametrize("path", ["/webhook", "/webhook/1"])
@pytest.mark.parametrize("headers", WRONG)
def test_a_webhook_without_the_secret_is_401_and_marks_nothing(client, marker, path, headers):
    answer = client.post(path, json=EVENT, headers=headers)
    assert (answer.status_code, answer.json) == (401, {"error": "unauthorized"})
    assert marker.marks == []


@pytest.mark.parametrize("path", ["/webhook", "/webhook/1"])
def test_the_secret_is_checked_before_the_body_is_read(client, path):
    answer = client.post(path, content_type="application/json", environ_overrides=UNREAD)
    assert answer.status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_webhook_with_the_secret_is_accepted(client, scheme):
    assert (
        client.post("/webhook", json=EVENT, headers={"Authorization": f"{scheme} {SECRET}"}).status_code
        == 202
    )


def test_start_training_comes_with_the_login_of_the_ml_backend_form(app_for, settings_for):
    for given in ({}, LOGIN):
        login = basic(*ml_backend_login(settings_for(**given)))
        answer = app_for(**given).test_client().post("/webhook", json=EVENT, headers=login)
        assert answer.status_code == 202


def test_without_a_login_set_the_form_gets_the_secret_as_password(settings_for):
    assert ml_backend_login(settings_for()) == ("clean-al", SECRET)
    assert ml_backend_login(settings_for(**LOGIN)) == ("labeler", "pass:wörd")


@pytest.mark.parametrize(("path", "body"), ML_CALLS)
def test_ml_calls_are_open_on_loopback_only_while_no_login_is_set(app_for, path, body):
    for given, expected in (
        ({}, False),
        ({"host": "0.0.0.0"}, True),
        (LOGIN, True),
        (LOGIN | {"host": "0.0.0.0"}, True),
    ):
        answer = app_for(**given).test_client().post(path, json=body)
        assert (answer.status_code == 401) == expected, given


@pytest.mark.parametrize(("path", "body"), ML_CALLS)
def test_ml_calls_need_the_right_login_when_one_is_set(app_for, path, body):
    client = app_for(**LOGIN).test_client()
    assert client.post(path, json=body, headers=basic("labeler", "pass:wörd")).status_code in (200, 202, 410)
    for wrong in (
        basic("labeler", "pass"),
        basic("Labeler", "pass:wörd"),
        basic("clean-al", SECRET),
        WITH_SECRET,
    ):
        assert client.post(path, json=body, headers=wrong).status_code == 401


def test_ml_calls_are_checked_before_the_body_is_read(app_for):
    answer = (
        app_for(**LOGIN)
        .test_client()
        .post("/predict", content_type="application/json", environ_overrides=UNREAD)
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", ["/", "/metrics"])
def test_pages_are_open_on_loopback_until_a_login_is_set(app_for, path):
    assert app_for().test_client().get(path).status_code == 200
    for host in ("127.0.0.1", "0.0.0.0"):
        client = app_for(host=host, **LOGIN).test_client()
        assert client.get(path).status_code == 401
        assert client.get(path, headers=basic("labeler", "pass:wörd")).status_code == 200
    assert app_for(host="0.0.0.0").test_client().get(path).status_code == 401


def test_a_backend_that_other_machines_reach_does_not_start_without_a_login():
    with pytest.raises(SettingsError, match="BASIC_AUTH_USER"):
        read_settings(_env_file=None, host="0.0.0.0", basic_auth_user=None, basic_auth_pass=None)


def test_health_is_open_and_says_nothing_else(app_for):
    answer = app_for(host="0.0.0.0", **LOGIN).test_client().get("/health")
    assert (answer.status_code, answer.json) == (200, {"status": "UP"})


def test_secrets_are_compared_in_constant_time(client, monkeypatch):
    compared = []
    real = hmac.compare_digest

    def compare(a, b):
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(auth.hmac, "compare_digest", compare)
    client.post("/webhook", json=EVENT, headers={"Authorization": "Bearer guess"})
    client.post("/webhook", json=EVENT, headers=basic("guess", SECRET))
    expected = SECRET.encode()
    assert (b"guess", expected) in compared
    assert {(b"guess", b"clean-al"), (expected, expected)} <= set(compared)


@pytest.mark.parametrize("here", ["127.0.0.1", "localhost", "::1"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9090", "127.0.0.1.evil.example", "[::2]:9090", "[::1", "me@localhost"],
)
def test_a_page_whose_name_was_rebound_to_loopback_gets_nothing(app_for, here, host):
    client = app_for(host=here).test_client()
    for path in ("/", "/metrics", "/health", "/dashboard", "/nowhere"):
        assert client.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("here", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    "host",
    ["localhost:9090", "LOCALHOST", "127.0.0.1", "127.0.0.1:9090", "[::1]:9090", "xn--lbel-loa.example"],
)
def test_the_names_of_this_machine_and_the_public_one_are_served(app_for, here, host):
    client = app_for(host=here, public_url="https://läbel.example/al").test_client()
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_behind_a_login_any_host_name_is_served(app_for):
    client = app_for(host="0.0.0.0", **LOGIN).test_client()
    answer = client.post(
        "/versions", json={"project": 1}, headers=basic("labeler", "pass:wörd") | {"Host": "backend:9090"}
    )
    assert answer.status_code == 200


def test_the_gate_does_not_show_its_secrets(settings_for):
    shown = repr(auth.Gate.of(settings_for(**LOGIN)))
    assert SECRET not in shown
    assert "pass:wörd" not in shown


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_is_described_as_open_is_open_and_nothing_else(app_for, method, path):
    client = app_for(host="0.0.0.0", **LOGIN).test_client()
    address = path.format(project=3, task=1, action="round", format="cvat", name="page.css")
    answer = client.open(address, method=method.upper(), json=None if method == "get" else {})
    assert (answer.status_code != 401) == (OPERATIONS[method, path].security == OPEN)
