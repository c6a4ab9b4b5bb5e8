"""Turns what Label Studio or the wire says into our errors, each with the path and, where known, the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson
import requests
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, NewConnectionError

from backend.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)

Repeat = Literal["always", "if idempotent", "never"]

SHOWN = 400
"""How many characters of an answer may appear in a message."""

FIXES = {
    "legacy token authentication has been disabled": (
        "create a Personal Access Token under Account & Settings and set LABEL_STUDIO_API_KEY to it, or "
        "enable legacy tokens in the Organization settings"
    ),
    "reserved network address": (
        "start Label Studio with SSRF_PROTECTION_ENABLED=false (for webhooks) and ML_BLOCK_LOCAL_IP=false "
        "(for ML backends), or let the loop poll: it works without webhooks"
    ),
    "model version doesn't exist": "import predictions of this version first",
    "database is locked": "its SQLite was busy for too long; fewer writers or PostgreSQL help",
}
"""What Label Studio says, in lower case, and what helps."""


@dataclass(frozen=True)
class Failure:
    """One try that did not succeed, whether another may follow, and after how many seconds at least."""

    error: LabelStudioError
    repeat: Repeat = "never"
    wait: float = 0.0

    def allows_another(self, idempotent: bool) -> bool:
        """Whether the request may be sent again."""
        return self.repeat == "always" or (self.repeat == "if idempotent" and idempotent)


def refusal(answer: requests.Response, path: str) -> Failure:
    """Return what an answer that is no success means."""
    status, said = answer.status_code, _said(answer)
    fix = next((fix for sign, fix in FIXES.items() if sign in said.lower()), None)
    message = f"{path}: {status} {said}" + (f"; {fix}" if fix else "")
    if answer.is_redirect:
        target = answer.headers.get("Location", "")[:SHOWN]
        return Failure(
            LabelStudioRejected(f"{path}: redirected to {target}; correct LABEL_STUDIO_URL", status)
        )
    if status == 401:
        message += "" if fix else "; check LABEL_STUDIO_API_KEY (Account & Settings, Personal Access Token)"
        return Failure(LabelStudioUnauthorized(message, status))
    if status == 404:
        return Failure(LabelStudioNotFound(message, status))
    if status == 429:  # refused before anything was done
        return Failure(LabelStudioUnreachable(message, status), "always", _retry_after(answer))
    # It may have been done all the same: only what does no harm twice is sent again.
    if status >= 500:
        return Failure(LabelStudioUnreachable(message, status), "if idempotent", _retry_after(answer))
    return Failure(LabelStudioRejected(message, status))


def _said(answer: requests.Response) -> str:
    try:
        reason = orjson.loads(answer.content)
    except (orjson.JSONDecodeError, requests.RequestException):
        # A page of a proxy's, or a body that broke off: the status line is all that can be trusted.
        reason = answer.reason
    if isinstance(reason, dict):
        told = [reason.get("detail"), reason.get("validation_errors")]
        reason = " ".join(str(part) for part in told if part) or reason
    # On one line: the message stands in logs and tables, and the far side must not be able to add lines.
    return " ".join(str(reason or "").split())[:SHOWN]


def _retry_after(answer: requests.Response) -> float:
    header = answer.headers.get("Retry-After")
    try:
        return float(Retry().parse_retry_after(header)) if header else 0.0
    except InvalidHeader:
        return 0.0


def no_answer(error: requests.RequestException, path: str, timeout: float) -> Failure:
    """Return what went wrong on the wire, and whether the request can have arrived."""
    cause = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    # requests wraps what urllib3 raised; only there is it told whether a connection ever stood.
    unsent = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    if isinstance(error, requests.Timeout):
        what = f"no answer within {timeout:g} s"
    elif unsent:
        what = "no connection; is Label Studio running, and LABEL_STUDIO_URL right?"
    elif isinstance(error, requests.exceptions.SSLError):
        what = "its certificate is not trusted; name its authority in REQUESTS_CA_BUNDLE"
    else:
        what = "the connection broke off"
    return Failure(LabelStudioUnreachable(f"{path}: {what}"), "always" if unsent else "if idempotent")


def not_json(answer: requests.Response, path: str) -> Failure:
    """Return what an answer means that should be JSON and is not."""
    message = f"{path}: the answer is not JSON; is LABEL_STUDIO_URL the address of Label Studio?"
    return Failure(LabelStudioUnreachable(message, answer.status_code), "if idempotent")
