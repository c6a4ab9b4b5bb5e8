"""The calls that the fake Label Studio makes: webhooks, and an ML backend's health, setup and predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.fakes.label_studio_world import Json

WEBHOOK_TIMEOUT = 1.0
HEALTH_TIMEOUT, SETUP_TIMEOUT, PREDICT_TIMEOUT = 1.0, 3.0, 100.0


@dataclass(frozen=True)
class Delivery:
    """One event that was sent: when (by the monotonic clock), for how long, and what came of it.

    Attributes
    ----------
    outcome : the answer's status, or the name of the error
    queued : whether the answer says that a round is asked for
    """

    project: int
    action: str
    url: str
    at: float
    seconds: float
    outcome: int | str
    queued: bool = False


def send_webhook(hook: Json, project: int, body: Json) -> Delivery:
    """Send one event once; whatever happens to it, the annotator is not told."""
    begun, queued = time.monotonic(), False
    outcome: int | str = 0
    try:
        answer = _send("POST", hook["url"], None, json=body, headers=hook["headers"], timeout=WEBHOOK_TIMEOUT)
        outcome, queued = answer.status_code, answer.json().get("queued") is True
    except requests.HTTPError as error:
        outcome = error.response.status_code
    except (requests.RequestException, ValueError) as error:
        outcome = type(error).__name__
    took = time.monotonic() - begun
    return Delivery(project, str(body["action"]), hook["url"], begun, took, outcome, queued)


def reach(backend: Json, project: Json, hostname: str, token: str) -> str | None:
    """Return the model version that a backend names when it is asked for its health and set up.

    Raises
    ------
    requests.RequestException
        When it does not answer both with success.
    """
    url, login = _address(backend)
    _send("GET", f"{url}/health", login, timeout=HEALTH_TIMEOUT)
    setup = {
        "project": f"{project['id']}.{time.time():.0f}",
        "schema": project["label_config"],
        "hostname": hostname,
        "access_token": token,
        "extra_params": backend.get("extra_params"),
    }
    return _send("POST", f"{url}/setup", login, json=setup, timeout=SETUP_TIMEOUT).json().get("model_version")


def predict(backend: Json, project: Json, task: Json) -> list[Json]:
    """Return a live backend's predictions for a task, ready to be stored; none when it does not answer."""
    url, login = _address(backend)
    body = {
        "tasks": [task],
        "project": f"{project['id']}.{time.time():.0f}",
        "label_config": project["label_config"],
        "params": {"login": None, "password": None, "context": None},
    }
    try:
        told = _send("POST", f"{url}/predict", login, json=body, timeout=PREDICT_TIMEOUT).json()
        return [
            {
                "task": task["id"],
                "result": one.get("result", []),
                "score": one.get("score"),
                "model_version": one.get("model_version") or backend["model_version"],
            }
            for one in told["results"]
        ]
    except (requests.RequestException, KeyError, TypeError):
        return []


def start_training(backend: Json, project: Json) -> None:
    """Press the button Start Training."""
    url, login = _address(backend)
    body = {"action": "START_TRAINING", "project": project}
    _send("POST", f"{url}/webhook", login, json=body, timeout=PREDICT_TIMEOUT)


def _address(backend: Json) -> tuple[str, tuple[str, str] | None]:
    user, password = backend.get("basic_auth_user"), backend.get("basic_auth_pass")
    return backend["url"].rstrip("/"), (user, password or "") if user else None


def _send(method: str, url: str, login: tuple[str, str] | None, **wanted: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, auth=login, **wanted)
    answer.raise_for_status()
    return answer
