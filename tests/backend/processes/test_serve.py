import json
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from backend.errors import SettingsError
from backend.processes import supervisor
from backend.processes.supervisor import embedded_server_dir, environment_of, serve
from backend.processes.valkey import running_url
from backend.settings import Settings, read_settings
from tests.backend.processes.processes import is_alive, marked, wait_until

# Stand-ins for our three commands: each adds a line with its own environment to a log; the web one answers.
ROLES = """
import http.server, json, os, subprocess, sys, time
role, log = sys.argv[1], sys.argv[2]
with open(log, "a") as file:
    file.write(json.dumps({"role": role, "pid": os.getpid(), "env": dict(os.environ)}) + "\\n")
if role == "_web":
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = not os.environ.get("BASIC_AUTH_USER") or self.headers.get("Authorization")
            with open(log, "a") as file:
                file.write(json.dumps({"role": "asked", "path": self.path, "known": bool(known)}) + "\\n")
            self.send_response(503)
            self.end_headers()
        def log_message(self, *_):
            pass
    http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Health).serve_forever()
if role == "_worker":
    subprocess.Popen(["sleep", "600"], start_new_session=True)
time.sleep(600)
"""
SERVE = """
import json, logging, sys
logging.basicConfig(level=logging.INFO)
from backend.errors import BackendError
from backend.settings import read_settings
from backend.processes.supervisor import serve
roles, log, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    code = serve(
        read_settings(**given),
        lambda line: print(line, flush=True),
        lambda role: [sys.executable, roles, role, log],
    )
except BackendError as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.exit(code)
"""


class Backend:
    """`serve` with stand-in children, in a process of its own."""

    def __init__(self, directory: Path, mark: str, **given: object) -> None:
        self.log, self.errors = directory / "roles.log", directory / "stderr.log"
        self.model_dir = directory / "models"
        given = {"model_dir": str(self.model_dir), "port": 0, "label_studio_api_key": "a-token"} | given
        (directory / "roles.py").write_text(ROLES)
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(directory / "roles.py"), str(self.log), json.dumps(given)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "TEST_MARK": mark},
                start_new_session=True,
            )

    def ready_line(self) -> str:
        """The line that says so; returned once the workers and the poller have noted themselves as well."""
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        assert wait_until(lambda: self.lines("_worker") and self.lines("_poll"))
        return line

    def lines(self, role: str) -> list[dict]:
        return [
            line for text in self.log.read_text().splitlines() if (line := json.loads(text))["role"] == role
        ]


@pytest.fixture
def start(tmp_path: Path, mark: str):
    started = []

    def _start(**given: object) -> Backend:
        started.append(Backend(tmp_path, mark, **given))
        return started[-1]

    yield _start
    for backend in started:
        with backend.process:
            backend.process.kill()


def _settings(directory: Path, **given: object) -> Settings:
    return read_settings(**{"model_dir": directory, "label_studio_api_key": "a-token", "port": 0} | given)


def _url(backend: Backend) -> str:
    url = running_url(backend.model_dir / "valkey")
    assert url is not None
    return url


def test_ready_is_said_once_the_web_process_answers_and_the_queue_works(start) -> None:
    backend = start(workers=2)
    line = backend.ready_line()
    assert backend.lines("asked")[0]["path"] == "/health"
    assert wait_until(lambda: len(backend.lines("_worker")) == 2)
    assert len(backend.lines("_poll")) == len(backend.lines("_web")) == 1
    web = backend.lines("_web")[0]["env"]
    assert f"http://127.0.0.1:{web['PORT']}/dashboard" in line
    assert "2 worker(s)" in line
    with redis.Redis.from_url(web["REDIS_URL"]) as client:
        assert client.ping()


def test_every_child_reads_the_settings_that_serve_was_given(start) -> None:
    backend = start(debounce=7.5, webhook_secret="hidden-word", public_url="https://al.example.org")
    backend.ready_line()
    for role in ("_web", "_worker", "_poll"):
        env = backend.lines(role)[0]["env"]
        assert env["CLEAN_AL_DEBOUNCE"] == "7.5"
        assert env["WEBHOOK_SECRET"] == "hidden-word"
        assert env["CLEAN_AL_PUBLIC_URL"] == "https://al.example.org"
        assert env["LABEL_STUDIO_API_KEY"] == "a-token"
    commands = "".join(marked(str(backend.log.parent)).values())
    assert "hidden-word" not in commands.replace(json.dumps("hidden-word"), "")


def test_the_health_question_carries_the_password_that_the_web_process_wants(start) -> None:
    backend = start(basic_auth_user="u", basic_auth_pass="p", host="0.0.0.0")
    backend.ready_line()
    assert all(line["known"] for line in backend.lines("asked"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_no_process_and_no_socket(start, mark: str, number: int) -> None:
    backend = start()
    backend.ready_line()
    assert wait_until(
        lambda: len(marked(mark)) == 10
    )  # serve; keeper and program of four; the worker's own child
    backend.process.send_signal(number)
    assert backend.process.wait(60) == 0
    assert not marked(mark)
    assert not (backend.model_dir / "valkey" / "valkey.sock").exists()


def test_a_killed_serve_leaves_no_process_and_the_next_one_goes_on_at_once(start, mark: str) -> None:
    backend = start()
    backend.ready_line()
    with redis.Redis.from_url(_url(backend)) as client:
        client.set("acknowledged", "1")
    backend.process.kill()
    backend.process.wait()
    again = start()
    again.ready_line()
    with redis.Redis.from_url(_url(again)) as client:
        assert client.get("acknowledged") == b"1"
    again.process.terminate()
    assert again.process.wait(60) == 0
    assert wait_until(lambda: not marked(mark)), marked(mark)


def test_a_killed_queue_server_comes_back_with_what_it_had_acknowledged(start) -> None:
    backend = start()
    backend.ready_line()
    with redis.Redis.from_url(_url(backend)) as client:
        for number in range(500):
            client.rpush("acknowledged", number)
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    assert wait_until(lambda: running_url(backend.model_dir / "valkey"))
    with redis.Redis.from_url(_url(backend)) as client:
        assert client.llen("acknowledged") == 500
    assert len(backend.lines("_web")) == 1  # the others were left alone


@pytest.mark.parametrize("role", ["_web", "_worker", "_poll"])
def test_a_killed_child_comes_back(start, role: str) -> None:
    backend = start()
    backend.ready_line()
    killed = backend.lines(role)[0]["pid"]
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: len(backend.lines(role)) == 2)
    assert is_alive(backend.lines(role)[1]["pid"])
    assert wait_until(lambda: f"(pid {killed}) ended: killed by SIGKILL" in backend.errors.read_text())


def test_a_second_serve_on_one_model_dir_is_refused_with_the_pid_of_the_first(start, tmp_path: Path) -> None:
    backend = start()
    backend.ready_line()
    with pytest.raises(SettingsError, match=rf"process {backend.process.pid} already serves MODEL_DIR="):
        serve(_settings(backend.model_dir))
    assert running_url(backend.model_dir / "valkey")


def test_a_port_in_use_is_refused_by_name_before_anything_is_started(tmp_path: Path, mark: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"PORT={port} on 127.0.0.1 is in use"):
            serve(_settings(tmp_path, port=port))
    assert not marked(mark)


def test_a_host_that_is_not_ours_is_refused_by_name(tmp_path: Path) -> None:
    given = {"basic_auth_user": "u", "basic_auth_pass": "p"}
    with pytest.raises(SettingsError, match=r"HOST=203\.0\.113\.7 is not an address of this machine"):
        serve(_settings(tmp_path, host="203.0.113.7", **given))


def test_without_a_token_serve_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LABEL_STUDIO_API_KEY is not set"):
        serve(_settings(tmp_path, label_studio_api_key=""))


def test_too_few_open_files_are_refused_with_the_way_to_more(launch, tmp_path: Path) -> None:
    source = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
        "from backend.cli import main; sys.argv = ['clean-al', 'serve']; main()"
    )
    process = launch(source, LABEL_STUDIO_API_KEY="a-token", MODEL_DIR=str(tmp_path / "models"), PORT="0")
    assert process.wait(60) == 2
    assert "ulimit -n" in (tmp_path / "stderr.log").read_text()


def test_a_model_dir_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"MODEL_DIR=.*/file/models cannot be used"):
        serve(_settings(tmp_path / "file" / "models"))


def test_with_a_redis_url_no_server_of_our_own_is_started(start) -> None:
    backend = start(redis_url="redis://localhost:1/0")
    backend.ready_line()
    assert not (backend.model_dir / "valkey").exists()
    assert backend.lines("_worker")[0]["env"]["REDIS_URL"] == "redis://localhost:1/0"
    assert (backend.model_dir / f"serve-{socket.gethostname()}.lock").exists()


def test_a_web_process_that_cannot_work_ends_serve_with_1_and_leaves_nothing(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MARK", mark)
    commands = {"_web": ["sh", "-c", "exit 2"], "_worker": ["sleep", "600"], "_poll": ["sleep", "600"]}
    assert serve(_settings(tmp_path), command_for=commands.__getitem__) == 1
    assert not marked(mark)


def test_ctrl_c_in_a_terminal_ends_serve_and_leaves_nothing(tmp_path: Path, mark: str) -> None:
    (tmp_path / "roles.py").write_text(ROLES)
    given = json.dumps({"model_dir": str(tmp_path / "m"), "port": 0, "label_studio_api_key": "a-token"})
    words = [sys.executable, "-c", SERVE, str(tmp_path / "roles.py"), str(tmp_path / "roles.log"), given]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, words, {**os.environ, "TEST_MARK": mark})
    shown = b""
    while b"ready: " not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert not marked(mark)


def test_another_process_reads_the_same_settings_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = _settings(
        tmp_path,
        label_studio_url="https://ls.example.org",
        redis_url="redis://:pass%20word@host:6380/2",
        basic_auth_user="u",
        basic_auth_pass="p w",
        webhook_secret="s",
        host="0.0.0.0",
        port=9191,
        log_level="DEBUG",
        public_url="https://al.example.org",
        workers=3,
        debounce=0.5,
        estimator="package.module:factory",
        seed=7,
    )
    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == given


def test_the_embedded_server_has_a_directory_of_its_own_below_model_dir(tmp_path: Path) -> None:
    assert embedded_server_dir(_settings(tmp_path)) == tmp_path / "valkey"


def test_our_own_commands_do_not_import_from_the_working_directory() -> None:
    assert supervisor._own_command("_web") == [sys.executable, "-P", "-m", "backend.cli", "_web"]
