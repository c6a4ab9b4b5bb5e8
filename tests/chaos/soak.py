"""Thousands of rounds without harm, with a day and more of simulated time: nothing grows. `make soak`

Jobs, poll, webhooks, predictions and pages of one small project run in this process, one after the other, on
a real Valkey and the tests' own Label Studio. After each round the clock of this process moves on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient

from backend.label_studio.client import LabelStudio
from backend.loop import jobs
from backend.loop.jobs import perform_round
from backend.loop.poller import Poller
from backend.processes.valkey import EmbeddedValkey
from backend.project.connect import connect
from backend.services import Services
from backend.settings import Settings
from backend.web.app import create_app
from tests.backend.loop.test_jobs import run_jobs
from tests.client import FullLabelStudio
from tests.e2e.loop_runner import wait_for
from tests.e2e.projects import WORDS, choice, make_text_project, topic_of
from tests.fakes.label_studio import FakeLabelStudio

TASKS, FIRST_LABELS = 60, 10
DEBOUNCE = 0.02
DAY = 86_400.0
LOOKS = 20
# Growth that is none: noise of the allocator, a connection more or less.
MOST_MEMORY_MB, MOST_FILES, MOST_KEYS = 25.0, 3, 5
SECRET = "a-webhook-secret-of-the-soak"


@dataclass(frozen=True)
class Look:
    """What is used after a number of rounds.

    Attributes
    ----------
    keys : in Redis, without those that end by themselves, such as RQ's notes on jobs of the last ten minutes
    model_dir_mb : of the project, without the history of rounds, which is cut at 4 MB
    """

    rounds: int
    memory_mb: float
    files: int
    keys: int
    model_dir_mb: float
    predictions: int
    versions: int


class Soak:
    """A project, and everything that is done to it.

    Parameters
    ----------
    rounds : in how many rounds a day passes
    """

    def __init__(self, folder: Path, fake: FakeLabelStudio, redis_url: str, rounds: int):
        given = {
            "label_studio_url": fake.url,
            "label_studio_api_key": fake.token,
            "redis_url": redis_url,
            "model_dir": folder / "models",
            "webhook_secret": SECRET,
            "public_url": "http://127.0.0.1:9",
            "debounce": DEBOUNCE,
        }
        settings = Settings(_env_file=None, **given)  # type: ignore[call-arg, arg-type]
        self.fake, self.services, self.rounds = fake, Services(settings), rounds
        self.admin = FullLabelStudio(fake.url, fake.token)
        self.project = make_text_project(LabelStudio(fake.url, fake.token), TASKS)
        connect(self.services, self.project)
        self.web: FlaskClient = create_app(settings).test_client()
        self.poller, self.jobs = Poller(self.services), jobs.round_jobs(self.services.redis)
        self._rng, self._ended = random.Random(1), 0

    def _work(self) -> bool:
        """Let the poll look, and run what is due."""
        self.poller.tick()
        if self.jobs.queue.count:
            run_jobs(self.services)
        return True

    def _perform(self, project: int) -> str:
        """Run a round as a job does, with the services of this process."""
        outcome = perform_round(project, self.services)
        assert outcome in ("published", "nothing new"), outcome
        self._ended += 1
        return outcome

    def run(self) -> list[Look]:
        """Return what was used after each twentieth of the rounds; each is printed as it comes."""
        looks = []
        jobs.perform_round = self._perform  # type: ignore[assignment]
        for task in self.fake.world.tasks_of(self.project)[:FIRST_LABELS]:
            self.admin.annotate(task["id"], choice(topic_of(task["data"])))
        with _clock() as move:
            for number in range(1, self.rounds + 1):
                self._round()
                move(DAY / self.rounds)
                if number % max(self.rounds // LOOKS, 1) == 0:
                    looks.append(self._look(number))
                    print(json.dumps(asdict(looks[-1])), flush=True)
        return looks

    def _round(self) -> None:
        """Somebody labels, corrects or deletes; everyone is told; a round runs; pages are looked at."""
        own = list(self.fake.world.annotations)
        deed = self._rng.random()
        if deed < 0.4 and len(own) < TASKS - 20:
            task = self.admin.next_task(self.project)
            assert task is not None
            self.admin.annotate(task["id"], choice(topic_of(task["data"])))
        elif deed < 0.7 and len(own) > FIRST_LABELS:
            self.admin.delete_annotation(self._rng.choice(own))
        else:
            self.admin.update_annotation(self._rng.choice(own), result=choice(self._rng.choice(list(WORDS))))
        event = {"action": "ANNOTATION_UPDATED", "project": {"id": self.project}}
        self.web.post("/webhook", json=event, headers={"Authorization": f"Bearer {SECRET}"})
        ended = self._ended
        wait_for("the round has ended", lambda: self._work() and self._ended > ended)
        body = {"project": self.project, "tasks": [{"data": {"text": "a goal"}}]}
        for answer in (
            self.web.post("/predict", json=body),
            self.web.get("/dashboard"),
            self.web.get("/metrics"),
        ):
            assert answer.status_code == 200
        self.fake.requests.clear()
        self.fake.deliveries.clear()

    def _look(self, rounds: int) -> Look:
        folder = self.services.settings.model_dir / "projects" / str(self.project)
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "rounds.jsonl"]
        # What people have left in Label Studio is theirs; what counts are the predictions of ours.
        versions = self.fake.world.model_versions(self.project)
        return Look(
            rounds,
            round(_memory_mb(), 1),
            len(os.listdir("/proc/self/fd")),
            sum(self.services.redis.ttl(key) == -1 for key in self.services.redis.scan_iter()),
            round(sum(path.stat().st_size for path in files) / 2**20, 2),
            len(self.fake.world.predictions),
            sum(count > 0 for count in versions.values()),
        )


@contextmanager
def _clock() -> Iterator[object]:
    """Let the clock of this process be moved; the monotonic one and the queue server's stay."""
    real, ahead = time.time, [0.0]

    def move(seconds: float) -> None:
        ahead[0] += seconds

    time.time = lambda: real() + ahead[0]
    try:
        yield move
    finally:
        time.time = real


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(looks: list[Look]) -> list[str]:
    """Return what has grown since a quarter of the rounds, a line each."""
    rest = looks[len(looks) // 4 :]
    first, last = rest[0], rest[-1]
    # By the trend, not by two moments: the allocator gives back what it likes when it likes.
    slope = np.polyfit([one.rounds for one in rest], [one.memory_mb for one in rest], 1)[0]
    memory = slope * (last.rounds - first.rounds)
    found = {
        f"memory by {memory:.1f} MB": memory > MOST_MEMORY_MB,
        f"open files: {first.files} -> {last.files}": last.files > first.files + MOST_FILES,
        f"keys in Redis: {first.keys} -> {last.keys}": last.keys > first.keys + MOST_KEYS,
        f"MODEL_DIR: {first.model_dir_mb} -> {last.model_dir_mb} MB": last.model_dir_mb
        > 1.5 * first.model_dir_mb + 0.1,
        f"predictions: {last.predictions} in {last.versions} versions": last.versions > 2,
    }
    return [what for what, has_grown in found.items() if has_grown]


def soak(rounds: int) -> list[Look]:
    """Return what was used in the course of so many rounds."""
    with (
        tempfile.TemporaryDirectory() as name,
        FakeLabelStudio() as fake,
        EmbeddedValkey(Path(name) / "valkey") as server,
    ):
        return Soak(Path(name), fake, server.prepare(), rounds).run()


def main() -> int:
    """Run, print and judge; return 1 where something has grown."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    given = parser.parse_args()
    begun = time.monotonic()
    looks = soak(given.rounds)
    grown = growth(looks)
    print(f"{given.rounds} rounds in {time.monotonic() - begun:.0f} s; grown: {grown or 'nothing'}")
    return 1 if grown else 0


if __name__ == "__main__":
    raise SystemExit(main())
