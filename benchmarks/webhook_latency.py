"""How long a webhook waits for its answer: with Redis up, stopped and frozen, beside upstream's own example.

    python -m benchmarks.webhook_latency --upstream-python PY --upstream-source DIR

Real gunicorn, real Valkey, a new connection per webhook as Label Studio opens one, 200 webhooks a second in
an open loop: the clock of each one starts when it is due, whether or not earlier ones were answered. Then a
minute of 1,000 a second, and bursts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from redis import Redis
from redis.exceptions import RedisError

from backend.loop.jobs import round_queue
from backend.loop.marks import pending_key
from backend.processes.valkey import EmbeddedValkey
from benchmarks.webhook_peer import CONFIG, LABELS, READ_EARLIER, upstream_example
from benchmarks.webhook_sender import LABEL_STUDIO_TIMEOUT, Shot, open_loop

RESULTS = Path(__file__).parent / "results" / "webhook_latency.json"
SECRET = "the-secret-of-this-benchmark"
PROJECTS = range(1, 6)
REPEAT = 3
STORM_RATE = 1000.0
ROUND_EVERY = 2.0  # seconds after which a mark is taken, as a round would, so that marks are made anew
SERVE = """
import sys
from pathlib import Path
from backend.settings import read_settings
from backend.web.gunicorn_app import serve_web
serve_web(read_settings(_env_file=None), on_ready=Path(sys.argv[1]).write_text)
"""


def request_bytes(address: str, project: int) -> bytes:
    """Return an annotation's webhook as Label Studio sends it, about 3 kB."""
    payload = {
        "action": "ANNOTATION_CREATED",
        "annotation": {
            "id": 1,
            "project": project,
            "task": 1,
            "result": [
                {"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": [LABELS[0]]}}
            ],
        },
        "task": {"id": 1, "project": project, "data": {"text": "words and words " * 40}},
        "project": {
            "id": project,
            "title": "P",
            "label_config": CONFIG,
            "description": "what to do " * 100,
        },
    }
    body = json.dumps(payload).encode()
    parts = urlsplit(address)
    head = (
        f"POST {parts.path}/webhook HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {SECRET}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def shoot(address: str, message: bytes, due: float) -> Shot:
    """Send one webhook and wait for its answer as long as Label Studio does."""
    parts = urlsplit(address)
    sent = time.perf_counter()

    async def exchange() -> bytes:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(message)
        answer = await reader.read(-1)
        writer.close()
        return answer

    try:
        outcome = (await asyncio.wait_for(exchange(), LABEL_STUDIO_TIMEOUT))[9:12].decode() or "closed"
    except TimeoutError:
        outcome = "timeout"
    except OSError as error:
        outcome = type(error).__name__
    return Shot(time.perf_counter() - due, outcome, sent - due)


def loop(address: str, rate: float, seconds: float) -> list[Shot]:
    """Send webhooks of all projects in turn at this rate, never waiting for one before sending the next."""
    return open_loop(address, [request_bytes(address, project) for project in PROJECTS], rate, seconds)


async def burst(address: str, count: int = 200, parallel: int = 20) -> list[Shot]:
    """Send so many webhooks, a fixed number at a time, each with Label Studio's patience."""
    gate = asyncio.Semaphore(parallel)
    message = request_bytes(address, PROJECTS[0])

    async def one() -> Shot:
        async with gate:
            return await shoot(address, message, time.perf_counter())

    return await asyncio.gather(*(one() for _ in range(count)))


def summary(shots: list[Shot]) -> dict[str, Any]:
    """Return percentiles in ms over all webhooks, whatever their outcome."""
    ms = 1000 * np.array([shot.latency for shot in shots])
    return {
        "webhooks": len(shots),
        "outcomes": dict(Counter(shot.outcome for shot in shots)),
        "p50_ms": round(float(np.percentile(ms, 50)), 2),
        "p99_ms": round(float(np.percentile(ms, 99)), 2),
        "max_ms": round(float(ms.max()), 2),
        "sender_late_p99_ms": round(1000 * float(np.percentile([shot.lag for shot in shots], 99)), 2),
    }


@contextlib.contextmanager
def web_process(folder: Path, redis_url: str) -> Iterator[str]:
    """Serve the web edge as `clean-al serve` does and yield its address."""
    address = folder / "address"
    given = {
        "MODEL_DIR": str(folder / "models"),
        "PORT": "0",
        "WEBHOOK_SECRET": SECRET,
        "REDIS_URL": redis_url,
    }
    for project in PROJECTS:
        state = folder / "models" / "projects" / str(project)
        state.mkdir(parents=True)
        (state / "connection.json").write_text("{}")
    with (folder / "web.log").open("wb") as log:
        command = [sys.executable, "-c", SERVE, str(address)]
        process = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=log)
    try:
        while not (address.exists() and address.read_text()):
            if process.poll() is not None:
                raise SystemExit((folder / "web.log").read_text())
            time.sleep(0.05)
        yield address.read_text()
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def rounds_begin(redis: Redis[Any]) -> Iterator[None]:
    """Take every project's mark now and then, as the worker does at the start of a round."""
    over = threading.Event()

    def take() -> None:
        while not over.wait(ROUND_EVERY):
            with contextlib.suppress(RedisError):
                redis.delete(*(pending_key(project) for project in PROJECTS))

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def seconds_until(true: Callable[[], bool], limit: float = 30.0) -> float | None:
    """Return after how many seconds this became true; None when it did not."""
    start = time.perf_counter()
    while time.perf_counter() - start < limit:
        if true():
            return round(time.perf_counter() - start, 2)
        time.sleep(0.02)
    return None


def measure_ours(rate: float, seconds: float, storm_seconds: float) -> dict[str, Any]:
    """Measure our web edge: Redis up, a storm, a burst, Redis frozen and stopped, and what comes after."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        valkey = EmbeddedValkey(folder / "valkey")
        url = valkey.start()
        redis = Redis.from_url(url)
        try:
            with web_process(folder, url) as address, rounds_begin(redis):
                loop(address, rate, 2)  # warm
                up = [summary(loop(address, rate, seconds)) for _ in range(REPEAT)]
                rounds = round_queue(redis).scheduled_job_registry.get_job_count()
                storm = summary(loop(address, STORM_RATE, storm_seconds))
                crowd = summary(asyncio.run(burst(address)))
                frozen = _while_frozen(valkey, redis, address, rate, seconds)
                stopped = _while_stopped(valkey, redis, address, rate, seconds)
        finally:
            valkey.stop()
    return {
        "redis_up": _median_run(up) | {"p99_ms_of_each_run": [run["p99_ms"] for run in up]},
        "rounds_asked_for": rounds,
        "storm": {"rate_per_s": STORM_RATE, "seconds": storm_seconds} | storm,
        "burst_200_by_20": crowd,
        "redis_frozen": frozen,
        "redis_stopped": stopped,
    }


def _median_run(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: run["p99_ms"])[len(runs) // 2]


def _while_frozen(
    valkey: EmbeddedValkey, redis: Redis[Any], address: str, rate: float, seconds: float
) -> dict[str, Any]:
    redis.flushall()
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        result = summary(loop(address, rate, seconds))
    finally:
        os.kill(valkey.pid, signal.SIGCONT)
    return result | {"all_projects_handed_over_after_s": seconds_until(lambda: _all_asked(redis))}


def _while_stopped(
    valkey: EmbeddedValkey, redis: Redis[Any], address: str, rate: float, seconds: float
) -> dict[str, Any]:
    redis.flushall()
    valkey.stop()
    try:
        result = summary(loop(address, rate, seconds))
    finally:
        valkey.start()
    return result | {"all_projects_handed_over_after_s": seconds_until(lambda: _all_asked(redis))}


def _all_asked(redis: Redis[Any]) -> bool:
    with contextlib.suppress(RedisError):
        return round_queue(redis).scheduled_job_registry.get_job_count() >= len(PROJECTS)
    return False


def measure_upstream(python: Path, source: Path, rate: float) -> dict[str, Any]:
    """Measure upstream's example with 1,000 labeled tasks: one webhook with all patience, then the burst."""
    with upstream_example(python, source, labeled=1000) as (address, one_webhook):
        alone = [one_webhook(address) for _ in range(3)]
        crowd = summary(asyncio.run(burst(address)))
        open_seconds = 5.0
        steady = summary(loop(address, rate, open_seconds))
    return {"one_webhook_s": alone, "burst_200_by_20": crowd, "open_loop": steady}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=200.0, help="webhooks per second")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each open loop")
    parser.add_argument("--storm", type=float, default=60.0, help="seconds of 1,000 webhooks per second")
    parser.add_argument(
        "--upstream-python", type=Path, help="Python of an environment with label-studio-ml 2.x"
    )
    parser.add_argument("--upstream-source", type=Path, help="checkout of label-studio-ml-backend")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    # A collection over all that was imported takes the sender 100 ms, which would count as the server's.
    gc.collect()
    gc.freeze()
    result: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_before": os.getloadavg(),
        },
        "rate_per_s": given.rate,
        "seconds": given.seconds,
        "ours": measure_ours(given.rate, given.seconds, given.storm),
        "upstream_read_earlier": READ_EARLIER,
    }
    _keep(result, given.output)
    if given.upstream_python and given.upstream_source:
        result["upstream"] = measure_upstream(given.upstream_python, given.upstream_source, given.rate)
    else:
        result["upstream"] = {"skipped": "no --upstream-python and --upstream-source given"}
    result["machine"]["load_after"] = os.getloadavg()
    _keep(result, given.output)
    print(json.dumps(result, indent=2))


def _keep(result: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
