"""`clean-al serve` with the real web, worker and poll processes; Label Studio is away, or silent."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import redis

from backend.loop.jobs import DirtyMarker
from backend.processes.keeper import descendants
from backend.processes.valkey import running_url
from backend.services import Services
from backend.settings import read_settings
from tests.backend.processes.processes import is_alive, marked, wait_until

pytestmark = pytest.mark.slow
NOWHERE = "http://127.0.0.1:9"


class RealBackend:
    def __init__(self, directory: Path, mark: str, label_studio: str) -> None:
        self.given = {
            "LABEL_STUDIO_URL": label_studio,
            "LABEL_STUDIO_API_KEY": "a-token",
            "MODEL_DIR": str(directory / "models"),
            "PORT": "0",
            "TEST_MARK": mark,
        }
        self.log = directory / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "backend.cli", "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.given},
                cwd=directory,
                start_new_session=True,
            )
        line = self.process.stdout.readline()
        assert line.startswith("ready: "), self.log.read_text()
        self.address = line.split()[1]

    def pids(self, role: str) -> list[int]:
        """The processes with this role: the one that was started, then its own children."""
        return sorted(
            pid
            for pid, command in marked(self.given["TEST_MARK"]).items()
            if f"backend.cli {role}" in command and "program_keeper.py" not in command
        )

    def queue(self) -> redis.Redis:
        url = running_url(Path(self.given["MODEL_DIR"]) / "valkey")
        assert url is not None
        return redis.Redis.from_url(url)

    def registered_workers(self) -> int:
        with self.queue() as queue:
            return queue.scard("rq:workers")


@pytest.fixture
def start(tmp_path: Path, mark: str):
    started = []

    def _start(label_studio: str = NOWHERE) -> RealBackend:
        started.append(RealBackend(tmp_path, mark, label_studio))
        return started[-1]

    yield _start
    for backend in started:
        with backend.process:
            backend.process.kill()


def test_it_answers_survives_kills_of_its_parts_and_ends_without_a_trace(start, mark: str) -> None:
    backend = start()
    with urllib.request.urlopen(f"{backend.address}/health", timeout=10) as answer:
        assert answer.status == 200
    assert wait_until(lambda: backend.registered_workers() == 1)

    with backend.queue() as queue:
        server = queue.info("server")["process_id"]
    worker = backend.pids("_worker")[0]
    os.kill(server, signal.SIGKILL)
    assert wait_until(
        lambda: not is_alive(server) and running_url(Path(backend.given["MODEL_DIR"]) / "valkey")
    )
    assert is_alive(worker)

    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: backend.registered_workers() == 2)  # the dead one's entry expires later
    assert worker not in backend.pids("_worker")

    backend.process.send_signal(signal.SIGINT)
    assert backend.process.wait(120) == 0
    assert not marked(mark)


def test_a_kill_in_the_middle_of_a_round_leaves_no_process(start, mark: str, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes calls and never answers
        backend = start(f"http://127.0.0.1:{silent.getsockname()[1]}")
        _ask_for_a_round(backend, tmp_path)
        worker = backend.pids("_worker")[0]
        assert wait_until(lambda: len(descendants(worker)) == 1)  # the work horse
        backend.process.kill()
        assert wait_until(lambda: not marked(mark)), marked(mark)


def test_a_second_ctrl_c_does_not_wait_for_a_round_that_hangs(start, mark: str, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        backend = start(f"http://127.0.0.1:{silent.getsockname()[1]}")
        _ask_for_a_round(backend, tmp_path)
        worker = backend.pids("_worker")[0]
        assert wait_until(lambda: len(descendants(worker)) == 1)
        backend.process.send_signal(signal.SIGINT)
        assert wait_until(lambda: "ending: each may finish within 10 s" in backend.log.read_text())
        backend.process.send_signal(signal.SIGINT)
        assert backend.process.wait(120) == 0
    assert "killed by SIG" in backend.log.read_text()
    assert not marked(mark)


def _ask_for_a_round(backend: RealBackend, directory: Path) -> None:
    project = directory / "models" / "projects" / "1"
    project.mkdir(parents=True)
    (project / "connection.json").write_text("{}")
    with backend.queue() as queue:
        settings = read_settings(
            redis_url=str(running_url(directory / "models" / "valkey")), model_dir=directory / "models"
        )
        DirtyMarker.of(Services(settings), queue).mark_dirty(1, "a test", delay=0.0)
