"""The real Label Studio starts, keeps data and users, stays on this machine, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from backend.errors import LabelStudioRejected
from backend.label_studio.client import LabelStudio
from tests.e2e.real_label_studio import RealLabelStudio

pytestmark = pytest.mark.e2e

STARTER = """
import sys, time
from backend.demo.label_studio_server import LabelStudioServer
server = LabelStudioServer(sys.argv[1], sys.argv[2], allow_private_addresses=False)
server.start()
print(server.port, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def own(label_studio_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLabelStudio]:
    """A Label Studio with its default refusals, for this file alone: it is stopped and started here."""
    directory = tmp_path_factory.mktemp("own-label-studio")
    with RealLabelStudio(label_studio_binary, directory, allow_private_addresses=False) as server:
        yield server


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_restart_keeps_address_projects_users_and_tokens(own: RealLabelStudio) -> None:
    admin = LabelStudio(own.url, own.token)
    token = own.add_user("second@example.org")
    project = admin.create_project(title="stays")["id"]
    own.restart()
    assert admin.project(project)["title"] == "stays"
    assert own.add_user("second@example.org") == token
    assert LabelStudio(own.url, token).whoami()["email"] == "second@example.org"


def test_by_default_it_refuses_webhooks_and_backends_on_loopback(own: RealLabelStudio) -> None:
    admin = LabelStudio(own.url, own.token)
    project = admin.create_project(title="strict")["id"]
    with pytest.raises(LabelStudioRejected, match="SSRF_PROTECTION_ENABLED=false"):
        admin.create_webhook(project=project, url="http://127.0.0.1:9090/webhook")
    with pytest.raises(LabelStudioRejected, match="ML_BLOCK_LOCAL_IP=false"):
        admin.create_ml_backend(project=project, url="http://127.0.0.1:9090", title="loop")


def test_its_tips_from_the_internet_are_cut_off(own: RealLabelStudio) -> None:
    answer = requests.get(f"{own.url}/heidi-tips/", timeout=30)
    assert (answer.status_code, answer.json()) == (404, {})


def test_it_ends_when_whoever_started_it_is_killed(label_studio_binary: str, own: RealLabelStudio) -> None:
    own.stop()  # so that its data, already set up, can be used
    command = [sys.executable, "-c", STARTER, label_studio_binary, str(own.data_dir)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        assert listening(port)
        os.kill(starter.pid, signal.SIGKILL)
    for _ in range(200):
        if not listening(port):
            break
        time.sleep(0.1)
    assert not listening(port)
