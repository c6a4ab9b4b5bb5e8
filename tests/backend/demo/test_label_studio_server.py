"""What starting a Label Studio does when it cannot work; that it works is shown in tests/e2e."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from backend.demo.label_studio_server import LabelStudioServer
from backend.errors import BackendError


def program(folder: Path, script: str) -> Path:
    path = folder / "label-studio"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def server(binary: Path, folder: Path, port: int = 0, private: bool = True) -> LabelStudioServer:
    return LabelStudioServer(binary, folder / "data", port, allow_private_addresses=private)


def test_a_port_that_is_taken_is_an_error_not_the_next_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BackendError, match=f"port {port} is in use"):
            server(program(tmp_path, "sleep 60"), tmp_path, port).start()


def test_a_label_studio_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    binary = program(tmp_path, "echo no space left on device >&2; exit 3")
    with pytest.raises(BackendError, match=r"ended while it started:\nno space left on device"):
        server(binary, tmp_path).start()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="nowhere/label-studio"):
        server(tmp_path / "nowhere/label-studio", tmp_path).start()


def environment_of(folder: Path, private: bool) -> dict[str, str]:
    with pytest.raises(BackendError):
        server(program(folder, "env; exit 1"), folder, private=private).start()
    lines = (folder / "data" / "label-studio.log").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_it_is_told_to_keep_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_SENTRY_DSN", "https://somewhere")
    monkeypatch.setenv("DJANGO_DB", "postgres")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "ours")
    told = environment_of(tmp_path, private=True)
    assert (told["SENTRY_DSN"], told["FRONTEND_SENTRY_DSN"]) == ("", "")
    assert (told["COLLECT_ANALYTICS"], told["LATEST_VERSION_CHECK"]) == ("false", "false")
    assert told["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert not {"LABEL_STUDIO_SENTRY_DSN", "DJANGO_DB", "LABEL_STUDIO_API_KEY"} & told.keys()
    assert told["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("private", [True, False])
def test_private_addresses_are_allowed_only_when_asked_for(tmp_path: Path, private: bool) -> None:
    told = environment_of(tmp_path, private)
    assert (told.get("SSRF_PROTECTION_ENABLED") == "false") is private
    assert (told.get("ML_BLOCK_LOCAL_IP") == "false") is private


def test_passwords_are_kept_for_the_owner_alone(tmp_path: Path) -> None:
    one = server(program(tmp_path, "exit 1"), tmp_path)
    with pytest.raises(BackendError):
        one.start()
    assert stat.S_IMODE((tmp_path / "data" / "users.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert one.admin.password not in repr(one) + repr(one.admin)
    again = server(program(tmp_path, "exit 1"), tmp_path)
    with pytest.raises(BackendError):
        again.start()
    assert again.admin.password == one.admin.password
