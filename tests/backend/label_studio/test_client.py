"""How the client meets trouble: what it repeats, what it does not, and what it says."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
    SettingsError,
)
from backend.label_studio.auth import PersonalAccessToken
from backend.label_studio.client import LabelStudio, greater
from tests.contract.conftest import CONFIG
from tests.contract.parts import GOOD, add_tasks, predict
from tests.fakes.label_studio import FakeLabelStudio

REFRESH = "/api/token/refresh/"


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as server:
        yield server


@pytest.fixture
def client(fake: FakeLabelStudio, pauses: list[float]) -> LabelStudio:
    return LabelStudio(fake.url, fake.token, timeout=5)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause that the client would have made; none is really made."""
    noted: list[float] = []
    monkeypatch.setattr("backend.label_studio.http.sleep", noted.append)
    monkeypatch.setattr("backend.label_studio.client.sleep", noted.append)
    return noted


@pytest.fixture
def project(client: LabelStudio) -> int:
    return int(client.create_project(title="faults", label_config=CONFIG)["id"])


FAULTS: dict[str, dict[str, Any]] = {
    "error": {"kind": "status", "status": 500, "detail": "database is locked"},
    "bad gateway": {"kind": "status", "status": 502},
    "unavailable": {"kind": "status", "status": 503},
    "gateway timeout": {"kind": "status", "status": 504},
    "reset": {"kind": "reset"},
    "lost answer": {"kind": "drop"},
    "half an answer": {"kind": "truncate"},
    "html": {"kind": "garbage"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_reading_goes_on_after_two_faults(
    fake: FakeLabelStudio, client: LabelStudio, project: int, fault: dict[str, Any]
) -> None:
    fake.fail(**fault, path=f"/api/projects/{project}/", times=2)
    assert client.project(project)["title"] == "faults"
    assert len(fake.seen("GET", f"/api/projects/{project}/")) == 3


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_that_stays_becomes_unreachable_and_names_the_path(
    fake: FakeLabelStudio, client: LabelStudio, fault: dict[str, Any]
) -> None:
    client.whoami()
    fake.fail(**fault, path="/api/projects/", times=math.inf)
    with pytest.raises(LabelStudioUnreachable, match="/api/projects/"):
        client.projects()
    assert len(fake.seen("GET", "/api/projects/")) == 6


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_an_annotation_is_never_sent_twice(
    fake: FakeLabelStudio, client: LabelStudio, project: int, fault: dict[str, Any]
) -> None:
    task = add_tasks(client, project, 1)[0]
    fake.fail(**fault, path=f"/api/tasks/{task}/annotations/", times=math.inf)
    with pytest.raises(LabelStudioUnreachable):
        client.annotate(task, GOOD)
    assert len(fake.seen("POST", f"/api/tasks/{task}/annotations/")) == 1


def test_what_was_refused_before_it_was_done_is_sent_again(
    fake: FakeLabelStudio, client: LabelStudio, project: int, pauses: list[float]
) -> None:
    task = add_tasks(client, project, 1)[0]
    fake.fail("status", status=429, headers={"Retry-After": "7"}, path=".*/annotations/")
    client.annotate(task, GOOD)
    assert pauses == [7.0]
    assert client.counts(project).annotations == 1


def test_no_pause_is_longer_than_half_a_minute(
    fake: FakeLabelStudio, client: LabelStudio, pauses: list[float]
) -> None:
    fake.fail("status", status=503, headers={"Retry-After": "86400"}, path="/api/projects/")
    client.projects()
    assert pauses == [30.0]


def test_pauses_double_and_differ(fake: FakeLabelStudio, client: LabelStudio, pauses: list[float]) -> None:
    fake.fail("status", status=503, path="/api/version", times=math.inf)
    with pytest.raises(LabelStudioUnreachable):
        client.version()
    longest = [0.3, 0.6, 1.2, 2.4, 4.8]
    assert len(pauses) == len(longest)
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_a_label_studio_that_is_down_is_asked_again_until_it_is_back(
    fake: FakeLabelStudio, client: LabelStudio, project: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.stop()
    monkeypatch.setattr("backend.label_studio.http.sleep", lambda _: fake.start())
    task = add_tasks(client, project, 1)[0]  # a POST: nothing can have arrived where nobody listens
    assert client.task(task)["data"] == {"text": "text 0"}


def test_nobody_there_is_said_plainly(fake: FakeLabelStudio, client: LabelStudio) -> None:
    client.whoami()
    fake.stop()
    with pytest.raises(LabelStudioUnreachable, match=r"/api/version: no connection; is Label Studio running"):
        client.version()


def test_a_slow_answer_is_a_timeout(fake: FakeLabelStudio) -> None:
    client = LabelStudio(fake.url, fake.token, timeout=0.1, retries=0)
    fake.fail("slow", seconds=0.5, path="/api/version")
    with pytest.raises(LabelStudioUnreachable, match=r"no answer within 0.1 s"):
        client.version()


def test_a_redirect_is_reported_and_not_followed(fake: FakeLabelStudio, client: LabelStudio) -> None:
    fake.fail(
        "status", status=301, headers={"Location": "https://elsewhere.example/api"}, path="/api/version"
    )
    with pytest.raises(LabelStudioRejected, match=r"redirected to https://elsewhere.example/api"):
        client.version()


def test_a_4xx_is_not_repeated(fake: FakeLabelStudio, client: LabelStudio) -> None:
    with pytest.raises(LabelStudioNotFound) as caught:
        client.project(99)
    assert caught.value.status == 404
    assert len(fake.seen("GET", "/api/projects/99/")) == 1


def test_webhooks_to_loopback_refused_by_label_studio_name_the_settings(pauses: list[float]) -> None:
    with FakeLabelStudio(allow_private_addresses=False) as strict:
        client = LabelStudio(strict.url, strict.token)
        project = client.create_project(title="strict")["id"]
        with pytest.raises(LabelStudioRejected, match="SSRF_PROTECTION_ENABLED=false") as caught:
            client.create_webhook(project=project, url="http://127.0.0.1:9090/webhook")
        assert caught.value.status == 403
        with pytest.raises(LabelStudioRejected, match="ML_BLOCK_LOCAL_IP=false"):
            client.create_ml_backend(project=project, url="http://127.0.0.1:9090")


# Predictions: sent again only when it is known that they did not arrive


@pytest.mark.parametrize("kind", ["reset", "drop", "truncate", "garbage"])
def test_a_broken_import_of_predictions_ends_with_each_stored_once(
    fake: FakeLabelStudio, client: LabelStudio, project: int, kind: str
) -> None:
    tasks = add_tasks(client, project, 5)
    predict(client, project, "older", {tasks[0]: 0.5})
    fake.fail(kind, path=".*/import/predictions")
    assert predict(client, project, "v1", dict.fromkeys(tasks, 0.5)) == 5
    assert client.model_versions(project) == {"older": 1, "v1": 5}
    sent = len(fake.seen("POST", ".*/import/predictions"))
    assert sent == (3 if kind == "reset" else 2)


def test_half_an_import_of_predictions_is_not_topped_up(
    fake: FakeLabelStudio, client: LabelStudio, project: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = add_tasks(client, project, 4)
    whole = fake.world.add_predictions
    monkeypatch.setattr(fake.world, "add_predictions", lambda at, rows: whole(at, rows[:1]))
    fake.fail("drop", path=".*/import/predictions")
    with pytest.raises(LabelStudioUnreachable):
        predict(client, project, "v1", dict.fromkeys(tasks, 0.5))
    assert client.model_versions(project) == {"v1": 1}


def test_refused_predictions_are_not_sent_again(
    fake: FakeLabelStudio, client: LabelStudio, project: int
) -> None:
    with pytest.raises(LabelStudioRejected):
        predict(client, project, "v1", {99: 0.5})
    assert len(fake.seen("POST", ".*/import/predictions")) == 1


# Tokens


def test_a_personal_access_token_is_traded_once_and_used_often(
    fake: FakeLabelStudio, client: LabelStudio
) -> None:
    for _ in range(3):
        client.whoami()
    assert len(fake.seen("POST", REFRESH)) == 1
    sent = {one.headers["authorization"] for one in fake.seen("GET", "/api/current-user/whoami")}
    assert len(sent) == 1
    assert sent.pop().startswith("Bearer ey")


def test_an_access_token_is_renewed_when_a_quarter_of_its_life_is_left(
    fake: FakeLabelStudio, client: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("backend.label_studio.auth.monotonic", lambda: clock[0])
    for passed, refreshed in [(0, 1), (224, 1), (226, 2), (449, 2), (452, 3)]:  # it lives 300 s
        clock[0] = 1000.0 + passed
        client.whoami()
        assert len(fake.seen("POST", REFRESH)) == refreshed
    assert {one.status for one in fake.seen("GET", ".*/whoami")} == {200}


def test_a_401_in_the_middle_is_answered_with_a_fresh_token(
    fake: FakeLabelStudio, client: LabelStudio, project: int
) -> None:
    task = add_tasks(client, project, 1)[0]
    fake.tokens.expire()
    client.annotate(task, GOOD)
    assert [one.status for one in fake.seen("POST", ".*/annotations/")] == [401, 201]
    assert client.counts(project).annotations == 1


def test_a_401_that_stays_is_given_up_after_one_fresh_token(
    fake: FakeLabelStudio, client: LabelStudio
) -> None:
    client.whoami()
    fake.fail("status", status=401, detail="no", path="/api/version", times=math.inf)
    with pytest.raises(LabelStudioUnauthorized, match="LABEL_STUDIO_API_KEY"):
        client.version()
    assert len(fake.seen("GET", "/api/version")) == 2


def test_a_revoked_token_says_how_to_get_another(fake: FakeLabelStudio, client: LabelStudio) -> None:
    client.whoami()
    fake.tokens.revoke(fake.token)
    with pytest.raises(LabelStudioUnauthorized, match=r"create a new one under Account & Settings"):
        client.whoami()


def test_a_refresh_that_meets_a_fault_is_repeated(fake: FakeLabelStudio, client: LabelStudio) -> None:
    fake.fail("status", status=503, path=REFRESH)
    assert client.whoami()["email"] == "admin@example.org"


def test_an_address_that_is_not_label_studio_is_suspected(fake: FakeLabelStudio) -> None:
    client = LabelStudio(fake.url + "/elsewhere", fake.token, retries=0)
    with pytest.raises(LabelStudioUnauthorized, match="is LABEL_STUDIO_URL right"):
        client.whoami()


def test_threads_share_one_access_token(fake: FakeLabelStudio, client: LabelStudio) -> None:
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        for _ in range(5):
            client.whoami()

    with ThreadPoolExecutor(8) as pool:
        for running in [pool.submit(look) for _ in range(8)]:
            running.result()
    assert len(fake.seen("POST", REFRESH)) == 1
    assert len(fake.seen("GET", ".*/whoami")) == 40


def test_after_a_fork_no_socket_and_no_held_lock_is_shared(
    fake: FakeLabelStudio, client: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.whoami()
    before = {one.client for one in fake.seen("GET", ".*/whoami")}
    auth = client._http._auth
    assert isinstance(auth, PersonalAccessToken)
    child = os.getpid() + 1
    with auth._lock:  # as another thread may, at the moment of the fork
        monkeypatch.setattr("os.getpid", lambda: child)
        client.whoami()
    assert len({one.client for one in fake.seen("GET", ".*/whoami")} - before) == 1


def test_a_legacy_token_works_where_it_is_allowed_and_is_explained_where_not(pauses: list[float]) -> None:
    with FakeLabelStudio(legacy_tokens=True) as fake:
        assert LabelStudio(fake.url, fake.legacy_token).whoami()["id"] == 1
        assert fake.seen("POST", REFRESH) == []
    with (
        FakeLabelStudio() as fake,
        pytest.raises(LabelStudioUnauthorized, match="create a Personal Access Token"),
    ):
        LabelStudio(fake.url, fake.legacy_token).whoami()


def test_no_secret_shows_in_reprs_logs_and_errors(
    fake: FakeLabelStudio, project: int, caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    shown = []
    with caplog.at_level(logging.DEBUG):
        for key in (fake.token, fake.legacy_token, fake.token + "x"):
            client = LabelStudio(fake.url, key, retries=1)
            shown += [repr(client), str(vars(client))]
            fake.fail("reset", path="/api/projects/")
            calls: list[Callable[[], Any]] = [client.whoami, client.projects]
            for call in calls:
                try:
                    call()
                except LabelStudioError as error:
                    shown.append(f"{error!r} {error.__cause__!r}")
    access = {one.headers["authorization"].split()[1] for one in fake.seen("GET", ".*/whoami")}
    text = caplog.text + " ".join(shown)
    assert "/api/projects/" in text
    for secret in {fake.token, fake.legacy_token, *access}:
        assert secret not in text


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://localhost", "http://", "http://me:pw@localhost"]
)
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="LABEL_STUDIO_URL"):
        LabelStudio(url, "key")


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "cut off…", "tab\tbed"])
def test_a_token_that_can_be_none_is_a_wrong_setting_and_is_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="LABEL_STUDIO_API_KEY") as caught:
        LabelStudio("http://localhost:8080", key)
    assert not key.strip() or key not in str(caught.value)


# Odd data


@pytest.mark.parametrize("text", ["lone \ud800 surrogate", "nul \x00", "\u2028"])
def test_odd_texts_pass_both_ways(client: LabelStudio, project: int, text: str) -> None:
    client.import_tasks(project, [{"data": {"text": text}}])
    page = next(client.iter_tasks(project, include=["data"]))
    assert page[0]["data"]["text"] == text


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.000000Z",
        "2026-01-02T04:04:05+01:00",
        "2026-01-02 03:04:05",
    ],
)
def test_every_form_of_a_time_is_sent_in_the_one_that_is_read(value: str) -> None:
    assert greater("updated_at", value) == {
        "filter": "filter:tasks:updated_at",
        "operator": "greater",
        "type": "Datetime",
        "value": "2026-01-02T03:04:05.000000Z",
    }
