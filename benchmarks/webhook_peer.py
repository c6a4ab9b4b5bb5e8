"""Upstream's scikit-learn example under gunicorn, with a Label Studio that answers at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

LABELS = ("good", "bad")
CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="c" toName="t">'
    + "".join(f'<Choice value="{label}"/>' for label in LABELS)
    + "</Choices></View>"
)
# Seen in an earlier run of the same example (one gunicorn worker of 8 threads) with the real Label Studio
# 1.23.2 as its peer, on two shared cores.
READ_EARLIER = {
    "one_webhook_1000_labelled_s": [8.6, 10.1, 6.7, 8.2],
    "one_webhook_10000_labelled_s": [68.1, 70.8],
    "burst_200_by_20": "200 of 200 timed out at 1 s",
}


class _LabelStudio(BaseHTTPRequestHandler):
    """Serves one project's labeled tasks, a page at a time, from memory."""

    tasks: list[dict[str, Any]]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if not url.path.startswith("/api/tasks"):
            return self._answer({"id": 1, "title": "P", "label_config": CONFIG, "parsed_label_config": {}})
        asked = {
            name: int(values[0]) for name, values in parse_qs(url.query).items() if name.startswith("page")
        }
        size = asked["page_size"]
        page = self.tasks[(asked["page"] - 1) * size : asked["page"] * size]
        self._answer({"tasks": page, "total": len(self.tasks)} if page else {}, 200 if page else 404)

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def upstream_example(
    python: Path, source: Path, labeled: int
) -> Iterator[tuple[str, Callable[[str], float]]]:
    """Run the example as its Dockerfile does; yield its address and a function that times one webhook."""
    with (
        _label_studio(labeled) as label_studio,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        port = _free_port()
        command = [python, "-m", "gunicorn", "--preload", "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", "1", "--threads", "8", "--timeout", "0", "_wsgi:app"]
        given = {"LABEL_STUDIO_HOST": label_studio, "LABEL_STUDIO_API_KEY": "any", "MODEL_DIR": folder}
        given |= {"PYTHONPATH": str(source), "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(
            command,
            cwd=source / "label_studio_ml" / "examples" / "sklearn_text_classifier",
            env=os.environ | given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            yield address, _one_webhook
        finally:
            # The worker, busy with trainings nobody waits for any more, must end too.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _one_webhook(address: str) -> float:
    event = {
        "action": "ANNOTATION_CREATED",
        "annotation": {"project": 1},
        "project": {"id": 1, "label_config": CONFIG},
    }
    start = time.perf_counter()
    requests.post(f"{address}/webhook", json=event, timeout=300)
    return round(time.perf_counter() - start, 3)


@contextlib.contextmanager
def _label_studio(labeled: int) -> Iterator[str]:
    handler = type("Handler", (_LabelStudio,), {"tasks": _tasks(labeled)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _tasks(count: int) -> list[dict[str, Any]]:
    """Return labeled texts of 20 words, a few of which tell the label."""
    rng = random.Random(0)
    words = [f"word{n}" for n in range(3000)]
    tasks = []
    for number in range(count):
        label = LABELS[number % 2]
        text = " ".join([*rng.choices(words, k=17), *[f"{label}{rng.randrange(5)}" for _ in range(3)]])
        result = [{"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": [label]}}]
        tasks.append({"id": number, "data": {"text": text}, "annotations": [{"result": result}]})
    return tasks


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_for(address: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{address}/health", timeout=5).raise_for_status()
            return
        time.sleep(0.2)
    raise SystemExit("upstream's example did not start")
