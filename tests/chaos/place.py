"""Where it happens: a Label Studio, a loop with several of each process, projects, and who labels them."""

from __future__ import annotations

import math
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import DirtyMarker
from backend.processes.valkey import running_url
from backend.project import connect as connection
from tests.e2e.loop_runner import COMMAND, QUICK, Loop, free_port, wait_for
from tests.e2e.projects import WORDS, choice, make_text_project, topic_of
from tests.fakes.label_studio import FakeLabelStudio

LEASE = 2.0
SETTINGS = {
    "CLEAN_AL_WORKERS": "2",
    "CLEAN_AL_LEASE": f"{LEASE:g}",
    "CLEAN_AL_REQUEST_TIMEOUT": "5",
    "CLEAN_AL_RECONCILE_INTERVAL": "4",
}
PROJECTS, TASKS, FIRST_LABELS = 3, 200, 8
# A project is made anew at this size: a fake of ten thousand tasks is slow by itself.
MOST_TASKS = 800
DISK_BYTES = 192 * 2**20
# Annotators are no part of what is tried: faults are for the loop.
FOR_THE_LOOP = r"/api/(?!projects/\d+/next|tasks/\d+/annotations|annotations/).*"


@dataclass
class SecondWeb:
    """A second web process on the same MODEL_DIR and Redis; started again when it is gone."""

    loop: Loop
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is ready some seconds later."""
        url = wait_for("the queue has an address", lambda: running_url(self.loop.model_dir / "valkey"))
        env = self.loop.environment | {"PORT": str(self.port), "REDIS_URL": url}
        with self.loop.log_file.open("ab") as log:
            self.process = subprocess.Popen([*COMMAND, "_web"], env=env, stdout=log, stderr=log)

    def wait(self) -> None:
        """Wait until it answers."""
        wait_for("the second web process answers", self._answers, step=0.5)

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/health", timeout=1).ok
        return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def hook(self, hook: dict[str, Any]) -> dict[str, Any]:
        """Return a webhook that tells this one what the first one is told."""
        return hook | {"url": hook["url"].replace(f":{self.loop.port}/", f":{self.port}/")}


class Place:
    """A running loop and its surroundings.

    Parameters
    ----------
    directory : an empty one
    rng : decides what annotators do
    settings : more environment variables of the loop
    """

    def __init__(self, directory: Path, rng: random.Random, settings: dict[str, str]):
        self.rng, self.directory = rng, directory
        self.fake = FakeLabelStudio(legacy_tokens=True)
        self.fake.start()
        self.loop = Loop(self.fake.url, self.fake.token, directory, QUICK | SETTINGS | settings)
        self.admin = LabelStudio(self.fake.url, self.fake.token)
        self.second = SecondWeb(self.loop)
        self.projects: list[int] = []
        self.poisoned: int | None = None
        self.taken = 0
        self.stalled = threading.Event()
        self._number = 0

    # Projects

    def add_project(self) -> int:
        """Return a new project that the loop orders, with some labels."""
        self._number += 1
        project = make_text_project(self.admin, TASKS, title=f"chaos {self._number}", seed=self._number)
        self._begin(project)
        for task in self.fake.world.tasks_of(project)[:FIRST_LABELS]:
            self.admin.annotate(task["id"], choice(topic_of(task["data"])))
        self.loop.catch_up(project)
        self.projects.append(project)
        return project

    def _begin(self, project: int) -> None:
        connection.connect(self.loop.services, project)
        with self.fake.lock:
            world = self.fake.world
            ours = [one for one in world.webhooks.values() if f"/webhook/{project}" in one["url"]]
            for hook in ours[:1]:
                number = world.new_id("webhooks")
                world.webhooks[number] = self.second.hook(hook) | {"id": number}
        DirtyMarker.of(self.loop.services).mark_dirty(project, "connected", delay=0.0)

    def remove_project(self, project: int) -> None:
        """Delete a project while the loop is at it, as Label Studio does: nobody is told."""
        self.projects.remove(project)
        with self.fake.lock:
            self.fake.world.delete_project(project)

    def poison(self) -> None:
        """Add a project at whose every call Label Studio fails; it must hold up no other."""
        project = make_text_project(self.admin, 20, title="poison", seed=0)
        self._begin(project)
        self.poisoned = project
        self.spoil()

    def heal(self) -> None:
        """Let Label Studio do its work again, but for the poisoned project."""
        with self.fake.lock:
            self.fake.heal()
            self.spoil()

    def spoil(self) -> None:
        """Let Label Studio fail at every call of the poisoned project."""
        if self.poisoned is not None:
            path = rf"/api/projects/{self.poisoned}/.*"
            self.fake.fail("status", path=path, times=math.inf, status=500)

    # People

    def label_until(self, over: threading.Event) -> None:
        """Let people label, correct, skip and delete until told to stop."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Token {self.fake.legacy_token}"
        while not over.wait(self.rng.uniform(0.02, 0.4)):
            if not self.stalled.is_set() and self.projects:
                with suppress(requests.RequestException, KeyError, IndexError):
                    self._act(session, self.rng.choice(self.projects))

    def _act(self, session: requests.Session, project: int) -> None:
        deed = self.rng.random()
        if deed < 0.85:
            task = self._call(session, "GET", f"/api/projects/{project}/next")
            answer = [] if deed < 0.03 else choice(topic_of(task["data"]))
            body = {"result": answer, "was_cancelled": not answer}
            self._call(session, "POST", f"/api/tasks/{task['id']}/annotations/", body)
            self.taken += 1
            return
        with self.fake.lock:
            own = [i for i, one in self.fake.world.annotations.items() if one["project"] == project]
        chosen = self.rng.choice(own)
        if deed < 0.96:
            self._call(
                session, "PATCH", f"/api/annotations/{chosen}/", {"result": choice(self.rng.choice([*WORDS]))}
            )
        elif len(own) > FIRST_LABELS:
            self._call(session, "DELETE", f"/api/annotations/{chosen}/")

    def _call(self, session: requests.Session, method: str, path: str, body: Any = None) -> Any:
        answer = session.request(method, self.fake.url + path, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # The end

    def close(self) -> None:
        self.second.kill()
        with suppress(AssertionError):
            self.loop.stop()
        self.fake.stop()


@contextmanager
def small_disk(path: Path) -> Iterator[bool]:
    """Put MODEL_DIR on a small disk of its own, where this machine lets us; yields whether it does."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "chaos", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            for _ in range(20):
                if subprocess.run(["umount", str(path)], capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.5)
            else:
                subprocess.run(["umount", "-l", str(path)], check=False)
