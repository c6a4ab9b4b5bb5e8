"""Runs `clean-al serve` as users do, finds and kills its processes, and waits for what must come true."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import AliasChoices
from redis import Redis
from redis.exceptions import RedisError

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import DirtyMarker
from backend.loop.marks import begun_key, lock_key, pending_key
from backend.loop.observe import is_news, observe
from backend.processes.keeper import descendants, process_table
from backend.processes.valkey import running_url
from backend.project import connect as connection
from backend.project.overview import ProjectStatus, project_status
from backend.services import Services
from backend.settings import Settings
from backend.store.models import ModelStore, Published
from backend.store.progress import Progress, ProgressFile

T = TypeVar("T")

COMMAND = [sys.executable, "-P", "-m", "backend.cli"]
# Where else Python looks: the code under test need not be the installed one.
PASSED_ON = ("PYTHONPATH",)
STEP = 0.05
# Where Label Studio itself is asked: it answers one request at a time, and others wait for it too.
SLOW_STEP = 0.3
# Generous: a slow machine must not fail a test; the times that matter are printed and measured elsewhere.
PATIENCE = 120.0
# Everything comes quickly: so that a test waits for a rule, not for a default.
QUICK = {
    "CLEAN_AL_DEBOUNCE": "0.5",
    "CLEAN_AL_POLL_INTERVAL": "1",
    "CLEAN_AL_RECONCILE_INTERVAL": "2",
    "CLEAN_AL_LEASE": "3",
}


def wait_for(what: str, condition: Callable[[], T], within: float = PATIENCE, step: float = STEP) -> T:
    """Return the first true value of `condition`; after `within` seconds fail, naming what was awaited."""
    ends = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > ends:
            raise AssertionError(f"after {within:g} s still not: {what}")
        time.sleep(step)
    return value


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Loop:
    """One `clean-al serve` with a MODEL_DIR and a port of its own.

    Parameters
    ----------
    label_studio_url, token : where Label Studio is, and a personal access token
    directory : an empty one; MODEL_DIR and the log lie in it
    settings : more environment variables
    """

    def __init__(self, label_studio_url: str, token: str, directory: Path, settings: dict[str, str]):
        self.model_dir = directory / "models"
        self.log_file = directory / "serve.log"
        self.port = free_port()
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "LABEL_STUDIO_URL": label_studio_url,
            "LABEL_STUDIO_API_KEY": token,
            "MODEL_DIR": str(self.model_dir),
            "PORT": str(self.port),
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **settings,
        }
        self._directory = directory
        self.services = Services(Settings(_env_file=None, **_ours(self._environment)))  # type: ignore[call-arg]
        self._process: subprocess.Popen[bytes] | None = None
        self.store = ModelStore(self.model_dir)
        self.label_studio = LabelStudio(label_studio_url, token)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes find in their environment."""
        return dict(self._environment)

    # The tree

    def start(self) -> Loop:
        """Start it and wait until it says that it is ready."""
        seen = self.log.count("ready:")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve"], env=self._environment, cwd=self._directory, stdout=log, stderr=log
            )
        wait_for("serve is ready", lambda: self._alive() and self.log.count("ready:") > seen)
        return self

    def stop(self) -> int:
        """End it by SIGTERM, as Ctrl-C would, and return its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError("serve did not end within 60 s of SIGTERM") from None
        self._process = None
        return code

    def kill_serve(self) -> None:
        """Kill -9 the supervisor itself; its tree must follow."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        self._process = None

    @property
    def log(self) -> str:
        """What serve and its children have said."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _alive(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"serve ended with {self._process.returncode}:\n{self.log[-3000:]}")
        return True

    def tree(self) -> set[int]:
        """Return every process below serve, and serve itself."""
        assert self._process is not None
        return {self._process.pid} | descendants(self._process.pid)

    def children(self, name: str) -> list[int]:
        """Return the process ids of all that are called "worker", "poll", "web" (its master) or "valkey"."""
        parents = dict(process_table())
        return [p for p in sorted(self.tree()) if is_called(p, name) and is_kept(parents.get(p, 0))]

    def child(self, name: str) -> int | None:
        """Return the process id of the only, or the oldest, child of a name."""
        return next(iter(self.children(name)), None)

    def worker_and_forks(self) -> list[int]:
        """Return every worker's process, then what they forked: in a round, a horse."""
        workers = self.children("worker")
        return [*workers, *sorted(pid for worker in workers for pid in descendants(worker))]

    def horse(self) -> int | None:
        """Return the process in which a round runs now."""
        workers = self.children("worker")
        return next((p for p in self.worker_and_forks() if p not in workers and leads_group(p)), None)

    def kill(self, *pids: int | None, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to processes of this tree."""
        ours = self.tree()
        for pid in pids:
            if pid is not None and pid in ours:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def pause(self, *pids: int | None) -> None:
        """Stop processes of this tree where they are."""
        self.kill(*pids, number=signal.SIGSTOP)

    def resume(self, *pids: int | None) -> None:
        """Let stopped processes go on."""
        self.kill(*pids, number=signal.SIGCONT)

    # The commands

    def run(self, *arguments: str, within: float = PATIENCE) -> Said:
        """Return what `clean-al ...` answers, run as a process of its own."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=self._environment,
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def connect(self, project_id: int) -> dict[str, Any]:
        """Switch the loop on, and return what the command said."""
        said = self.run("connect", str(project_id), "--json")
        assert said.code == 0, said.err
        return dict(said.json)

    def connected(self, project_id: int) -> int:
        """Switch the loop on, wait for the first round, and return the project's id.

        As `connect` does, but in this process: starting Python anew for each project would take minutes.
        """
        connection.connect(self.services, project_id)
        DirtyMarker.of(self.services).mark_dirty(project_id, "connected", delay=0.0)
        self.catch_up(project_id)
        return project_id

    # What it knows

    def status(self, project_id: int) -> ProjectStatus:
        return project_status(self.store, project_id)

    def progress(self, project_id: int) -> Progress:
        return ProgressFile(self.store.folder(project_id)).read()

    def published(self, project_id: int) -> Published | None:
        return self.store.published(project_id)

    def head(self, project_id: int) -> list[int]:
        """Return the tasks of the published queue head, in the sampler's order."""
        published = self.published(project_id)
        return list(published.head) if published else []

    def redis(self) -> Redis:
        """Return a client of the embedded server."""
        url = wait_for("the embedded server answers", lambda: running_url(self.model_dir / "valkey"))
        return Redis.from_url(url)

    def has_caught_up(self, project_id: int) -> bool:
        """Whether the last round saw the project as it is now, and no round runs."""
        progress = self.progress(project_id)
        if progress.covers is None or progress.running_since is not None or self._is_wanted(project_id):
            return False
        return not is_news(observe(self.label_studio, project_id), progress.covers)

    def _is_wanted(self, project_id: int) -> bool:
        """Whether a round is asked for or runs; it spares Label Studio a question."""
        try:
            return bool(self.redis().exists(*(key(project_id) for key in (pending_key, begun_key, lock_key))))
        except RedisError:
            return True

    def catch_up(self, project_id: int, within: float = PATIENCE) -> Progress:
        """Wait until it has caught up, and return the last round's progress."""
        wait_for(
            f"project {project_id} has caught up",
            lambda: self.has_caught_up(project_id),
            within,
            SLOW_STEP,
        )
        return self.progress(project_id)

    def served_versions(self, project_id: int) -> dict[str, int]:
        """Return how many predictions each of our versions has in Label Studio."""
        return {v: n for v, n in self.label_studio.model_versions(project_id).items() if n}


def _ours(environment: dict[str, str]) -> dict[str, str]:
    """Return the settings among environment variables, by their names in `Settings`."""
    return {
        field: environment[name]
        for field, info in Settings.model_fields.items()
        if isinstance(info.validation_alias, AliasChoices)
        and (name := str(info.validation_alias.choices[0])) in environment
    }


def command_line(pid: int) -> list[str]:
    """Return a process's arguments; empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    return []


def is_called(pid: int, name: str) -> bool:
    """Whether a process runs the child of that name, and is not the keeper that stands above it."""
    words = command_line(pid)
    if not words or any(word.endswith("keeper.py") for word in words):
        return False
    return "valkey" in words[0] if name == "valkey" else words[-1] == f"_{name}"


def is_kept(pid: int) -> bool:
    """Whether a process is a keeper: its child is then a program of the tree, not a fork of one."""
    return any(word.endswith("keeper.py") for word in command_line(pid))


def leads_group(pid: int) -> bool:
    """Whether a process leads a process group, as an RQ work horse does."""
    with suppress(OSError):
        return os.getpgid(pid) == pid
    return False


def is_alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
