"""Which addresses in task data are fetched, and which open no connection at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import LabelStudioNotFound, LabelStudioRejected, LabelStudioUnreachable
from backend.label_studio.client import LabelStudio
from backend.label_studio.files import FILE_PATHS, Site
from tests.fakes.label_studio import FakeLabelStudio

HOME = Site.at("https://ls.example/labels")


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as server:
        server.world.files["/data/upload/1/a.png"] = b"picture"
        yield server


@pytest.fixture
def client(fake: FakeLabelStudio) -> LabelStudio:
    return LabelStudio(fake.url, fake.token, timeout=5, retries=0)


@pytest.mark.parametrize(
    ("given_address", "fetched"),
    [
        ("/data/upload/1/a.png", "https://ls.example/labels/data/upload/1/a.png"),
        ("/labels/data/upload/1/a.png", "https://ls.example/labels/data/upload/1/a.png"),
        ("https://ls.example/labels/data/a.png", "https://ls.example/labels/data/a.png"),
        ("https://LS.example:443/labels/data/a.png", "https://ls.example/labels/data/a.png"),
        ("/data/local-files/?d=x/y.png", "https://ls.example/labels/data/local-files/?d=x/y.png"),
        ("/tasks/7/resolve/?fileuri=czM6", "https://ls.example/labels/tasks/7/resolve/?fileuri=czM6"),
        ("/data/a%20b.png", "https://ls.example/labels/data/a%20b.png"),
    ],
)
def test_files_of_this_label_studio_are_fetched_from_it(given_address: str, fetched: str) -> None:
    assert HOME.file_address(given_address) == fetched


FOREIGN = [
    "http://ls.example/labels/data/a.png",
    "https://ls.example:8443/data/a.png",
    "https://ls.example.evil/data/a.png",
    "https://ls.example@evil/data/a.png",
    "https://ls.example%40evil/data/a.png",
    "https://evil@ls.example/data/a.png",
    "https://ls.example:port/data/a.png",
    "https://[::1/data/a.png",
    "//evil/data/a.png",
    "///evil/data/a.png",
    "\\\\evil/data/a.png",
    "/\\evil/data/a.png",
    "/data/\r\nHost: evil",
    " /data/a.png",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "s3://bucket/a.png",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "data/upload/1/a.png",
    "",
    "/",
    "/api/projects/1/export",
    "/data/../api/projects/",
    "/data/%2e%2e/api/projects/",
    "/data/..%2Fapi/projects/",
    "/logout",
    "/user/account",
]


@pytest.mark.parametrize("address", FOREIGN)
def test_everything_else_opens_no_connection(
    address: str, client: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(LabelStudioRejected, match="not fetched"):
        client.download(address, max_bytes=100)


@given(st.text())
def test_whatever_the_text_the_request_goes_to_our_label_studio_or_nowhere(text: str) -> None:
    for address in (text, "/" + text, "/data/" + text, "https://ls.example/" + text, "https://" + text):
        try:
            found = HOME.file_address(address)
        except LabelStudioRejected:
            continue
        assert found.startswith(tuple("https://ls.example/labels" + path for path in FILE_PATHS))


def test_a_download_proves_who_we_are(fake: FakeLabelStudio, client: LabelStudio) -> None:
    assert client.download("/data/upload/1/a.png", max_bytes=7) == b"picture"
    assert fake.seen("GET", "/data/.*")[0].headers["authorization"].startswith("Bearer ")


def test_an_expired_access_token_is_renewed_for_a_download(
    fake: FakeLabelStudio, client: LabelStudio
) -> None:
    client.whoami()
    fake.tokens.expire()
    assert client.download("/data/upload/1/a.png", max_bytes=7) == b"picture"


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/data/a.png", "//evil/data/a.png", "/api/projects/"])
def test_a_redirect_away_from_our_files_is_refused(
    fake: FakeLabelStudio, client: LabelStudio, location: str
) -> None:
    fake.fail("status", status=302, headers={"Location": location}, path="/tasks/1/resolve/")
    with pytest.raises(LabelStudioRejected, match="not fetched"):
        client.download("/tasks/1/resolve/", max_bytes=100)


def test_a_redirect_to_another_file_of_ours_is_followed(fake: FakeLabelStudio, client: LabelStudio) -> None:
    fake.fail("status", status=302, headers={"Location": "/data/upload/1/a.png"}, path="/tasks/1/resolve/")
    assert client.download("/tasks/1/resolve/", max_bytes=100) == b"picture"


def test_redirects_in_a_circle_end(fake: FakeLabelStudio, client: LabelStudio) -> None:
    fake.fail("status", status=302, headers={"Location": "/data/again"}, path="/data/again", times=99)
    with pytest.raises(LabelStudioRejected, match="redirects"):
        client.download("/data/again", max_bytes=100)


def test_a_file_above_the_limit_is_refused_declared_or_not(
    fake: FakeLabelStudio, client: LabelStudio
) -> None:
    fake.world.files["/data/big"] = bytes(1_000_000)
    assert len(client.download("/data/big", max_bytes=1_000_000)) == 1_000_000
    with pytest.raises(LabelStudioRejected, match="larger than 999999 bytes"):
        client.download("/data/big", max_bytes=999_999)


def test_a_missing_upload_is_not_found(client: LabelStudio) -> None:
    with pytest.raises(LabelStudioNotFound, match="no such upload"):
        client.download("/data/upload/1/gone.png", max_bytes=100)


@pytest.mark.parametrize("kind", ["reset", "drop", "truncate"])
def test_a_broken_download_is_repeated(fake: FakeLabelStudio, kind: str) -> None:
    fake.fail(kind, path="/data/.*")
    client = LabelStudio(fake.url, fake.token, timeout=5)
    assert client.download("/data/upload/1/a.png", max_bytes=100) == b"picture"


def test_a_download_that_stays_broken_is_unreachable(fake: FakeLabelStudio, client: LabelStudio) -> None:
    fake.fail("truncate", path="/data/.*", times=9)
    with pytest.raises(LabelStudioUnreachable, match=r"/data/upload/1/a\.png"):
        client.download("/data/upload/1/a.png", max_bytes=100)
