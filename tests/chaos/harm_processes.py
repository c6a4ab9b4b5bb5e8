"""Harm to processes: killed, or stopped where they are and let go on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import RedisError

from backend.loop.marks import pending_key
from backend.processes.keeper import process_table
from backend.processes.valkey import running_url
from tests.chaos.place import LEASE, Place
from tests.e2e.loop_runner import is_kept, wait_for

Harm = Callable[[Place, random.Random], None]


def kill_worker(place: Place, rng: random.Random) -> None:
    """One worker with all that it forked, or every worker."""
    workers = place.loop.children("worker")
    for worker in workers if rng.random() < 0.3 else workers[:1]:
        place.loop.kill(*[p for p in place.loop.worker_and_forks() if p != worker], worker)


def kill_horse(place: Place, rng: random.Random) -> None:
    """The process of one round."""
    place.loop.kill(place.loop.horse())


def kill_poll(place: Place, rng: random.Random) -> None:
    place.loop.kill(place.loop.child("poll"))


def kill_web(place: Place, rng: random.Random) -> None:
    place.loop.kill(place.loop.child("web"))


def kill_second_web(place: Place, rng: random.Random) -> None:
    place.second.kill()
    place.second.start()


def kill_valkey(place: Place, rng: random.Random) -> None:
    place.loop.kill(place.loop.child("valkey"))


def kill_valkey_at_a_mark(place: Place, rng: random.Random) -> None:
    """The queue server, as soon as a project is marked."""
    with suppress(AssertionError, RedisError):
        redis, marks = place.loop.redis(), [pending_key(i) for i in place.projects]
        wait_for("a project is marked", lambda: any(redis.mget(marks)), within=5, step=0.005)
    kill_valkey(place, rng)


def kill_keeper(place: Place, rng: random.Random) -> None:
    """One of the processes that stand above the programs of the tree."""
    keepers = sorted({parent for pid, parent in process_table() if is_kept(parent)} & place.loop.tree())
    if keepers:
        place.loop.kill(rng.choice(keepers))


def kill_serve(place: Place, rng: random.Random) -> None:
    """The supervisor; somebody starts it anew."""
    place.loop.kill_serve()
    time.sleep(rng.uniform(0, 2))
    place.loop.start()
    place.second.kill()
    place.second.start()


def pause_horse(place: Place, rng: random.Random) -> None:
    """Stop a round for longer than its lease, so that another worker takes the project over."""
    place.fake.fail("slow", path="/api/ml", method="GET", seconds=1.0)
    with suppress(AssertionError):
        horse = wait_for("a round runs", place.loop.horse, within=4)
        time.sleep(rng.uniform(0, 1.0))
        _stand_still(place, horse, 1.8 * LEASE)


def pause_poll(place: Place, rng: random.Random) -> None:
    _stand_still(place, place.loop.child("poll"), rng.uniform(1, 6))


def pause_worker(place: Place, rng: random.Random) -> None:
    _stand_still(place, place.loop.child("worker"), rng.uniform(1, 4))


def pause_web(place: Place, rng: random.Random) -> None:
    web = place.loop.child("web")
    forked = [pid for pid, parent in process_table() if parent == web]
    _stand_still(place, next(iter(forked), web), rng.uniform(0.2, 2))


def pause_valkey(place: Place, rng: random.Random) -> None:
    _stand_still(place, place.loop.child("valkey"), rng.uniform(0.2, 3))


def _stand_still(place: Place, pid: int | None, seconds: float) -> None:
    place.loop.pause(pid)
    try:
        time.sleep(seconds)
    finally:
        place.loop.resume(pid)


def worker_elsewhere(place: Place, rng: random.Random) -> None:
    """A worker of another machine takes part, and dies with it: a namespace of processes of its own.

    Half of the time its network is cut off: it reaches the queue, but no Label Studio.
    """
    spaces = ["--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
    spaces += ["--net"] if rng.random() < 0.5 else []
    url = running_url(place.loop.model_dir / "valkey")
    command = ["unshare", *spaces, sys.executable, "-P", "-m", "backend.cli", "worker"]
    env = place.loop.environment | {"REDIS_URL": url or "", "CLEAN_AL_WORKERS": "1"}
    with place.loop.log_file.open("ab") as log:
        other = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        time.sleep(rng.uniform(4, 8))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(other.pid, signal.SIGKILL)
        other.wait(30)


def can_have_namespaces() -> bool:
    """Whether this machine lets us have another one in it."""
    tried = ["unshare", "--pid", "--uts", "--net", "--fork", "--mount-proc", "true"]
    with suppress(OSError):
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return False


HARMS: dict[str, Harm] = {
    "kill worker": kill_worker,
    "kill horse": kill_horse,
    "kill poll": kill_poll,
    "kill web": kill_web,
    "kill second web": kill_second_web,
    "kill valkey": kill_valkey,
    "kill valkey at a mark": kill_valkey_at_a_mark,
    "kill keeper": kill_keeper,
    "kill serve": kill_serve,
    "pause horse": pause_horse,
    "pause poll": pause_poll,
    "pause worker": pause_worker,
    "pause web": pause_web,
    "pause valkey": pause_valkey,
    "worker elsewhere": worker_elsewhere,
}
