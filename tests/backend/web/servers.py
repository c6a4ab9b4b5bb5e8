"""Real servers for tests: Valkey on a unix socket, and the web process under gunicorn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from redis import Redis

# What `clean-al serve` does for its web process; the address goes to a file, since port 0 was asked for.
SERVE = """
import sys
from pathlib import Path
from backend.settings import read_settings
from backend.web.gunicorn_app import serve_web
serve_web(read_settings(_env_file=None), on_ready=Path(sys.argv[1]).write_text)
"""

# The same, with a predictor that waits until a file is there, as for images that are slow to come.
SERVE_SLOWLY = SERVE.replace(
    "serve_web(",
    """import time
class Slow:
    def predict(self, project_id, tasks):
        Path(sys.argv[1] + "-asked").open("a").write("x")
        while not Path(sys.argv[1] + "-go").exists():
            time.sleep(0.02)
        return [{"result": [{"value": {}}], "score": 0.5} for _ in tasks], "v1"
    def model_version(self, project_id):
        return "v1"
serve_web(predictor=Slow(), settings=""",
)


def wait_until(true, seconds=30.0):
    """Fail unless `true()` within so many seconds."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


class Valkey:
    """A server that keeps nothing, to be stopped, frozen and started again."""

    def __init__(self, binary: Path, folder: Path):
        self.socket = folder / "v.sock"
        self._command = [
            str(binary),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
            "--dir",
            folder,
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.client = Redis(unix_socket_path=str(self.socket))

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)
            self.client.close()
            self.process = None

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (ConnectionError, OSError):
            return False
        except Exception as error:
            if "onnection" in type(error).__name__:
                return False
            raise


class Web:
    """The web process on a port of the system's choice."""

    def __init__(self, folder: Path, secret: str, redis_socket: Path, script: str = SERVE, **env: str):
        self.folder, self._script = folder, script
        self._address = folder / "address"
        self._log = folder / "web.log"
        given = {"MODEL_DIR": folder / "models", "PORT": "0", "WEBHOOK_SECRET": secret, "LOG_LEVEL": "DEBUG"}
        given |= {"REDIS_URL": f"unix://{redis_socket}"} | env
        self._env = {**os.environ, **{name: str(value) for name, value in given.items()}}

    def connect(self, project: int) -> None:
        """Make the loop of this project count as switched on."""
        folder = self.folder / "models" / "projects" / str(project)
        folder.mkdir(parents=True)
        (folder / "connection.json").write_text(json.dumps({"project": project}))

    def start(self) -> None:
        with self._log.open("wb") as log:
            command = [sys.executable, "-c", self._script, str(self._address)]
            self.process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        wait_until(lambda: self._address.exists() and self._address.read_text().startswith("http"), 60)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)

    @property
    def address(self) -> str:
        return self._address.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text()
