"""Carries requests to Label Studio: retries, the border where foreign errors become ours, safe downloads."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import orjson
import requests
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, HTTPError, InvalidHeader, NewConnectionError

from backend.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
    SettingsError,
)
from backend.label_studio_auth import authorization

logger = logging.getLogger(__name__)

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
"""PATCH too: Label Studio's sets the fields that it is given, so twice is once."""

LONGEST_WAIT = 30.0
"""Seconds that we wait at most before one more try, whatever Retry-After says."""

Repeat = Literal["always", "if idempotent", "never"]

FIXES = (
    (
        "legacy token authentication has been disabled",
        "create a Personal Access Token under Account & Settings, or enable legacy tokens in the "
        "organization's API token settings",
    ),
    (
        "reserved network address",
        "start Label Studio with SSRF_PROTECTION_ENABLED=false (webhooks) and ML_BLOCK_LOCAL_IP=false "
        "(ML backends), or let the loop poll: it works without webhooks",
    ),
    ("csrf", "set LABEL_STUDIO_API_KEY to a Personal Access Token"),
    ("model version doesn't exist", "import predictions of this version first"),
    ("database is locked", "Label Studio's SQLite is busy; PostgreSQL has no such limit"),
)
"""What Label Studio says, in lower case, and what helps."""

FILE_PATHS = ("/data/", "/static/", "/storage-data/", "/tasks/", "/projects/")
"""Where Label Studio serves files that task data names; /tasks and /projects resolve storage addresses."""


@dataclass(frozen=True)
class Failure:
    """One try that did not succeed, and when another may follow."""

    error: LabelStudioError
    repeat: Repeat = "never"
    wait: float | None = None

    def allows_another(self, idempotent: bool) -> bool:
        """Whether the request may be sent again."""
        return self.repeat == "always" or (self.repeat == "if idempotent" and idempotent)


class Transport:
    """Sends requests to one Label Studio, safely from many threads and after a fork.

    Parameters
    ----------
    url : str
        Where Label Studio is, with a path if a proxy puts it under one.
    api_key : str
        A legacy token or a personal access token.
    timeout : float
        Seconds to wait for a connection and between two pieces of an answer.
    retries : int
        How often a failed request may be repeated.
    """

    def __init__(self, url: str, api_key: str, timeout: float, retries: int):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise SettingsError("LABEL_STUDIO_URL: give an address such as http://localhost:8080")
        self.origin = _origin(parts)
        self.root = parts.path.rstrip("/")
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._timeout = timeout
        self._retries = retries
        self._local = threading.local()
        self._auth = authorization(api_key, self._refresh)

    def __repr__(self) -> str:
        return f"Transport({self._base + self.root!r}, {self._auth.kind})"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        files: Any = None,
        idempotent: bool | None = None,
        signed: bool = True,
    ) -> Any:
        """Return what Label Studio answers, decoded from JSON; None for an empty answer.

        Raises
        ------
        LabelStudioError
            One of its kinds, with the path and, where we know it, the fix.
        """
        repeatable = method in IDEMPOTENT if idempotent is None else idempotent
        data = None if body is None else orjson.dumps(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        wanted = {"params": params, "data": data, "files": files, "headers": headers}
        backoff = Retry(total=None, backoff_factor=0.3, backoff_jitter=0.3, backoff_max=LONGEST_WAIT)
        for left in range(self._retries, -1, -1):
            outcome = self._try(method, path, wanted, signed)
            if not isinstance(outcome, Failure):
                return outcome[0]
            if not left or not outcome.allows_another(repeatable):
                raise outcome.error
            backoff = backoff.increment(method, path, error=HTTPError())
            wait = min(LONGEST_WAIT, outcome.wait if outcome.wait is not None else backoff.get_backoff_time())
            logger.info("%s; trying again in %.1f s", outcome.error, wait)
            time.sleep(wait)
        raise AssertionError("unreachable")

    def _try(self, method: str, path: str, wanted: dict[str, Any], signed: bool) -> tuple[Any] | Failure:
        """Send once, twice if the access token was refused; a decoded answer comes in a tuple of one."""
        try:
            answer = self._send(method, path, wanted, signed)
            if signed and self._renewed(answer):
                answer = self._send(method, path, wanted, signed)
        except requests.RequestException as error:
            return _no_answer(error, path, self._timeout)
        except LabelStudioError as error:  # the refresh has had its own tries
            return Failure(error)
        if not answer.ok or answer.is_redirect:
            return self._refusal(answer, path)
        try:
            return (orjson.loads(answer.content) if answer.content else None,)
        except orjson.JSONDecodeError:
            message = f"{path}: the answer is not JSON; is LABEL_STUDIO_URL the address of Label Studio?"
            return Failure(LabelStudioUnreachable(message, answer.status_code), "if idempotent")

    def _send(self, method: str, path: str, wanted: dict[str, Any], signed: bool) -> requests.Response:
        return self._session().request(
            method,
            f"{self._base}{self.root}{path}",
            auth=self._auth if signed else _unsigned,
            timeout=self._timeout,
            allow_redirects=False,  # a redirected POST becomes a GET, and would take the token along
            **wanted,
        )

    def _renewed(self, answer: requests.Response) -> bool:
        """Whether this was a 401 and we hold a fresh access token now."""
        used = answer.request.headers.get("Authorization")
        return answer.status_code == 401 and self._auth.renew(used)

    def _session(self) -> requests.Session:
        """Return this thread's own session; after a fork a new one, since sockets must not be shared."""
        if getattr(self._local, "process", None) != os.getpid():
            session = requests.Session()
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._local.session, self._local.process = session, os.getpid()
        return self._local.session

    def close(self) -> None:
        """Close this thread's connections."""
        if getattr(self._local, "process", None) == os.getpid():
            self._local.session.close()

    def _refresh(self, key: str) -> str:
        try:
            answer = self.call(
                "POST", "/api/token/refresh/", body={"refresh": key}, idempotent=True, signed=False
            )
            return str(answer["access"])
        except (LabelStudioUnauthorized, LabelStudioRejected) as error:
            raise LabelStudioUnauthorized(
                "LABEL_STUDIO_API_KEY: Label Studio refuses this personal access token (revoked, expired, or "
                "of another install); create a new one under Account & Settings, Personal Access Token",
                error.status,
            ) from None
        except (LabelStudioNotFound, KeyError, TypeError):
            raise LabelStudioUnauthorized(
                "/api/token/refresh/: this Label Studio knows no personal access tokens; use a legacy token",
                404,
            ) from None

    def _refusal(self, answer: requests.Response, path: str) -> Failure:
        status, said = answer.status_code, _said(answer)
        message = f"{path}: {status} {said}".rstrip()
        if fix := next((fix for sign, fix in FIXES if sign in said.lower()), None):
            message += f"; {fix}"
        if answer.is_redirect:
            target = answer.headers.get("Location", "")
            return Failure(
                LabelStudioRejected(f"{path}: redirected to {target}; set LABEL_STUDIO_URL to that")
            )
        if status == 401:
            message += (
                "" if fix else "; check LABEL_STUDIO_API_KEY (Account & Settings, Personal Access Token)"
            )
            return Failure(LabelStudioUnauthorized(message, status))
        if status == 404:
            return Failure(LabelStudioNotFound(message, status))
        if status == 429:
            return Failure(LabelStudioUnreachable(message, status), "always", _retry_after(answer))
        if status >= 500:
            wait = _retry_after(answer)
            return Failure(LabelStudioUnreachable(message, status), "if idempotent", wait)
        return Failure(LabelStudioRejected(message, status))

    def download(self, path_or_url: str, max_bytes: int) -> bytes:
        """Return the file at a path or address of this Label Studio; see `LabelStudio.download`."""
        address = self._own_address(path_or_url)
        for _ in range(5):
            try:
                status, found = self._fetch(address, max_bytes)
            except requests.RequestException as error:
                raise _no_answer(error, urlsplit(address).path, self._timeout).error from error
            if status == 200:
                return found
            address = self._own_address(found.decode(errors="replace"))
        raise LabelStudioRejected(f"{urlsplit(address).path}: too many redirects")

    def _own_address(self, path_or_url: str) -> str:
        """Return the address to open; refuse everything that does not lead to a file of this Label Studio."""
        shown = path_or_url[:120]
        if any(c <= " " or c in "\\\x7f" for c in path_or_url):
            raise LabelStudioRejected(f"{shown!r}: not fetched: spaces or control characters in an address")
        try:
            parts = urlsplit(path_or_url)
            foreign = bool(parts.scheme or parts.netloc) and (
                "@" in parts.netloc or _origin(parts) != self.origin
            )
        except ValueError:
            foreign = True
        if foreign or not parts.path.startswith("/"):
            raise LabelStudioRejected(f"{shown!r}: not fetched: files come from {self._base} only")
        path = parts.path.removeprefix(self.root) if parts.path.startswith(f"{self.root}/") else parts.path
        if ".." in unquote(path).split("/") or not path.startswith(FILE_PATHS):
            raise LabelStudioRejected(f"{shown!r}: not fetched: Label Studio serves no files at this path")
        return f"{self._base}{self.root}{path}" + (f"?{parts.query}" if parts.query else "")

    def _fetch(self, address: str, max_bytes: int) -> tuple[int, bytes]:
        """Return 200 and the file, or another status and where the redirect leads."""
        path, ends = urlsplit(address).path, time.monotonic() + self._timeout
        with self._open(address) as answer:
            if answer.is_redirect:
                return answer.status_code, answer.headers["Location"].encode()
            if not answer.ok:
                raise self._refusal(answer, path).error
            parts, size = [], int(answer.headers.get("Content-Length") or 0)
            for part in answer.iter_content(65536) if size <= max_bytes else ():
                parts.append(part)
                size = sum(map(len, parts))
                if size > max_bytes:
                    break
                if time.monotonic() > ends:
                    raise LabelStudioUnreachable(f"{path}: not complete after {self._timeout:g} s")
            if size > max_bytes:
                raise LabelStudioRejected(f"{path}: larger than {max_bytes} bytes")
            return 200, b"".join(parts)

    def _open(self, address: str) -> requests.Response:
        def send() -> requests.Response:
            return self._session().get(
                address,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                headers={"Accept-Encoding": "identity"},
            )

        answer = send()
        if self._renewed(answer):
            answer.close()
            answer = send()
        return answer


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking into ~/.netrc."""
    return request


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def _said(answer: requests.Response) -> str:
    """Return what Label Studio gives as its reason, at most 400 characters of it."""
    try:
        reason = orjson.loads(answer.content)
    except (orjson.JSONDecodeError, requests.RequestException):
        reason = answer.reason
    if isinstance(reason, dict):
        told = [reason.get("detail"), reason.get("validation_errors")]
        reason = " ".join(str(part) for part in told if part) or reason
    return " ".join(str(reason or "").split())[:400]


def _retry_after(answer: requests.Response) -> float | None:
    header = answer.headers.get("Retry-After")
    try:
        return Retry().parse_retry_after(header) if header else None
    except InvalidHeader:
        return None


def _no_answer(error: requests.RequestException, path: str, timeout: float) -> Failure:
    """Say what went wrong on the wire, and whether the request can have arrived."""
    cause = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    unsent = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    if isinstance(error, requests.Timeout):
        what = f"no answer within {timeout:g} s"
    elif unsent:
        what = "no connection; is Label Studio running, and LABEL_STUDIO_URL right?"
    elif isinstance(error, requests.exceptions.SSLError):
        what = "the certificate is not trusted; name its authority in REQUESTS_CA_BUNDLE"
    else:
        what = "the connection broke off"
    repeat: Repeat = "always" if unsent else "if idempotent"
    return Failure(LabelStudioUnreachable(f"{path}: {what}"), repeat)
