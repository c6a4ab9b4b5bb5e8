"""How long it takes after a fault until the loop goes on, with the settings as they come.

    python -m benchmarks.recovery

The real tree of processes, a Label Studio that answers at once (the tests' own), one project of 300 texts.
Each clock runs from the fault, or from the moment when what was away is there again, to the next round's
beginning; for the web process until it answers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from redis.exceptions import RedisError

from backend.label_studio.client import LabelStudio
from backend.loop.lease import fence_key
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, make_text_project
from tests.fakes.label_studio import FakeLabelStudio

RESULTS = Path(__file__).parent / "results" / "recovery.json"
TEXTS, LABELS = 300, 8
# Long enough for several rounds to fail.
SECONDS_AWAY = 25.0
STEP = 0.01
BOUNDS = {
    "worker_machine_dead": 60.0,
    "worker_killed": 10.0,
    "round_killed": 10.0,
    "valkey_killed": 10.0,
    "web_killed": 5.0,
    "serve_killed": 10.0,
    "label_studio_back": 10.0,
}


class Bench:
    """One loop, one project that has been learned once."""

    def __init__(self, folder: Path):
        self.fake = FakeLabelStudio()
        self.fake.start()
        self.loop = Loop(self.fake.url, self.fake.token, folder, {})
        self.annotator = Annotator(self.fake.url, self.fake.token)
        self.loop.start()
        admin = LabelStudio(self.fake.url, self.fake.token)
        self.project = make_text_project(admin, TEXTS)
        self.loop.connected(self.project)
        for _ in range(LABELS):
            self.annotator.label_next(self.project)
        self.loop.catch_up(self.project)

    def close(self) -> None:
        self.loop.stop()
        self.fake.stop()

    def fence(self) -> int:
        """Return the number of the last round that began; -1 while the queue server is away."""
        with suppress(RedisError, AssertionError):
            return int(self.loop.redis().get(fence_key(self.project)) or 0)
        return -1

    def begins(self, after: int) -> None:
        wait_for("a round begins", lambda: self.fence() > after, step=STEP)

    def in_a_round(self) -> tuple[int, int]:
        """Return the process of a round that has just begun, and its fence; it waits for the options."""
        self.fake.fail("slow", path="/api/ml", method="GET", seconds=3.0)
        before = self.fence()
        self.annotator.label_next(self.project)
        self.begins(before)
        return wait_for("its process is seen", self.loop.horse, step=STEP), self.fence()

    # Each returns the seconds that it took.

    def worker_killed(self) -> float:
        _, fence = self.in_a_round()
        self.loop.kill(*self.loop.worker_and_forks())
        return self._until_after(fence)

    def round_killed(self) -> float:
        horse, fence = self.in_a_round()
        self.loop.kill(horse)
        return self._until_after(fence)

    def valkey_killed(self) -> float:
        fence = self.fence()
        self.annotator.label_next(self.project)
        self.loop.kill(self.loop.child("valkey"))
        return self._until_after(fence)

    def web_killed(self) -> float:
        before = self.loop.child("web")
        self.loop.kill(before)
        # What it forked may still answer for a moment.
        answers = lambda: self.loop.child("web") not in (None, before) and self._answers()  # noqa: E731
        return _seconds(lambda: wait_for("the web process answers", answers, step=STEP))

    def serve_killed(self) -> float:
        fence = self.fence()
        self.loop.kill_serve()
        self.annotator.label_next(self.project)
        starting = threading.Thread(target=self.loop.start)
        starting.start()
        seconds = self._until_after(fence)
        starting.join()
        return seconds

    def label_studio_back(self) -> float:
        _, fence = self.in_a_round()
        self.fake.stop()
        time.sleep(SECONDS_AWAY)
        self.fake.heal()
        fence = max(fence, self.fence())
        self.fake.start()
        return self._until_after(fence)

    def worker_machine_dead(self) -> float:
        """A round runs in a namespace of processes of its own, whose processes nobody here can see."""
        local = self.loop.children("worker")
        self.loop.pause(*local)
        spaces = ["--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
        command = ["unshare", *spaces, sys.executable, "-P", "-m", "backend.cli", "_worker"]
        other = subprocess.Popen(command, env=self.loop.environment, start_new_session=True)
        try:
            before = self.fence()
            self.fake.fail("slow", path="/api/ml", method="GET", seconds=3.0)
            self.annotator.label_next(self.project)
            self.begins(before)
            fence = self.fence()
        finally:
            os.killpg(other.pid, signal.SIGKILL)
            other.wait(30)
            self.loop.resume(*local)
        return self._until_after(fence)

    def _until_after(self, fence: int) -> float:
        return _seconds(lambda: self.begins(fence))

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.loop.port}/health", timeout=1).ok
        return False


def _seconds(wait: Callable[[], object]) -> float:
    begun = time.perf_counter()
    wait()
    return time.perf_counter() - begun


def measure(repeat: int) -> dict[str, Any]:
    """Return the seconds of each fault, `repeat` times each."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        found: dict[str, Any] = {}
        try:
            for name, bound in BOUNDS.items():
                seconds = []
                for _ in range(repeat):
                    seconds.append(round(getattr(bench, name)(), 2))
                    bench.loop.catch_up(bench.project)
                    # Processes that were started anew are ready, and no pause before a new start grows.
                    time.sleep(10)
                found[name] = {
                    "bound_s": bound,
                    "median_s": statistics.median(seconds),
                    "worst_s": max(seconds),
                    "runs_s": seconds,
                }
                print(name, found[name], flush=True)
        finally:
            bench.close()
    return found


def table(result: dict[str, Any]) -> str:
    """Return the figures for docs/benchmarks.md."""
    rows = [
        f"| {name.replace('_', ' ')} | {one['bound_s']:g} | {one['median_s']:.1f} | {one['worst_s']:.1f} |"
        for name, one in result["faults"].items()
    ]
    head = ["| after | bound (s) | median (s) | worst (s) |", "|---|---|---|---|"]
    load = result["machine"]["load_before"][0]
    return "\n".join(
        [*head, *rows, "", f"Load of the machine before: {load:.1f}; {result['repeat']} runs each."]
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": os.getloadavg()}
    result = {"machine": machine, "repeat": given.repeat, "faults": measure(given.repeat)}
    given.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
