"""The two servers of the demo: a Label Studio of its own and `clean-al serve`, both gone when it ends."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import requests
from pydantic import SecretStr

from backend.demo.label_studio_server import HOST, LabelStudioServer
from backend.demo.simulation import simulation_settings
from backend.errors import BackendError
from backend.label_studio.client import LabelStudio
from backend.loop.jobs import DirtyMarker
from backend.processes.keeper import Kept
from backend.processes.supervisor import environment_of
from backend.project.connect import connect
from backend.services import Services
from backend.settings import Settings

READY_WITHIN = 120.0
SERVE_GRACE = 25.0
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class Servers:
    """Label Studio and `clean-al serve` on loopback, with data in `folder`; a context manager.

    Parameters
    ----------
    binary : the `label-studio` command
    folder : where both keep their data; it is the caller's to remove
    log_file : where `clean-al serve` logs to
    seed : the loop's seed
    """

    def __init__(self, binary: str, folder: Path, log_file: Path, seed: int):
        self.label_studio_server = LabelStudioServer(
            binary, folder / "label-studio", allow_private_addresses=True
        )
        self._folder, self._log_file, self._seed = folder, log_file, seed
        self._serve: Kept | None = None

    def __enter__(self) -> Servers:
        try:
            self.label_studio_server.start()
            self.settings = self._settings()
            self.services = Services(self.settings)
            self._start_serve()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End both, the backend first: it would miss Label Studio."""
        try:
            if self._serve is not None:
                self._serve.end()
                self._serve = None
        finally:
            self.label_studio_server.stop()

    @property
    def owner(self) -> LabelStudio:
        """Label Studio as its owner, whose token the loop works with."""
        return self.services.label_studio

    def annotator(self, name: str) -> LabelStudio:
        """Return Label Studio as a user of that name, made at the first call."""
        token = self.label_studio_server.add_user(f"{name}@example.org")
        return LabelStudio(self.label_studio_server.url, token)

    def connect(self, project_id: int) -> None:
        """Switch the loop on for a project, as `clean-al connect` does."""
        connect(self.services, project_id)
        DirtyMarker.of(self.services).mark_dirty(project_id, "connected", delay=0.0)

    def check(self) -> None:
        """Raise a `BackendError` when `clean-al serve` has ended by itself."""
        if self._serve is not None and self._serve.poll() is not None:
            raise BackendError(f"clean-al serve has ended:\n{self._last_words()}")

    def _settings(self) -> Settings:
        """Return the loop's defaults with our addresses; the user's own settings are for another loop."""
        given = {
            "label_studio_url": self.label_studio_server.url,
            "label_studio_api_key": SecretStr(self.label_studio_server.token),
            "model_dir": self._folder / "models",
            # Not the usual one: another `clean-al serve` may run on this machine.
            "port": _free_port(),
            # One for each project, to encode both at once.
            "workers": 2,
        }
        return simulation_settings(self._seed).model_copy(update=given)

    def _start_serve(self) -> None:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # From the folder of its data: a .env file of the user's is for another loop.
        shell = ["/bin/sh", "-c", 'cd "$1" && log=$2 && shift 2 && exec "$@" >>"$log" 2>&1', "sh"]
        command = [sys.executable, "-P", "-m", "backend.cli", "serve"]
        self._serve = Kept(
            [*shell, str(self._folder), str(self._log_file.absolute()), *command],
            # Nothing else of ours: a proxy or a MODEL_DIR of the user's would lead the demo elsewhere.
            env=inherited | environment_of(self.settings),
            grace=SERVE_GRACE,
        )
        ends = time.monotonic() + READY_WITHIN
        while not self._answers():
            self.check()
            if time.monotonic() > ends:
                raise BackendError(
                    f"clean-al serve was not ready within {READY_WITHIN:g} s:\n{self._last_words()}"
                )
            time.sleep(0.2)

    def _answers(self) -> bool:
        session = requests.Session()
        session.trust_env = False  # no proxy between us and loopback
        try:
            return session.get(f"{self.settings.address}/health", timeout=5).ok
        except requests.RequestException:
            return False

    def _last_words(self) -> str:
        try:
            return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "it wrote no log"


def _free_port() -> int:
    with socket.socket() as probe:
        # Given back at once: should another program take it before `serve` does, `serve` says so.
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
