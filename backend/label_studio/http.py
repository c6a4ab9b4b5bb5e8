"""Carries requests to Label Studio: proves who we are, repeats what may be, lets no foreign error pass."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from backend.errors import (
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
)
from backend.label_studio.answers import Failure, no_answer, not_json, refusal
from backend.label_studio.auth import authorization
from backend.label_studio.files import Site, read_capped

logger = logging.getLogger(__name__)

IDEMPOTENT = frozenset({"GET", "PUT", "PATCH", "DELETE"})
"""PATCH too: Label Studio's sets the fields that it is given, so twice is once."""

FIRST_PAUSE, LONGEST_PAUSE = 0.3, 30.0
"""Seconds before a request is repeated; doubled each time, and never longer than the second, whatever
Retry-After says."""

MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Moved:
    """Where Label Studio says that a file is instead."""

    location: str


class Transport:
    """Sends requests to one Label Studio, safely from many threads and after a fork.

    Parameters
    ----------
    url : str
        Where Label Studio is, with a path if a proxy puts it under one.
    api_key : str
        A legacy token or a personal access token.
    timeout : float
        Seconds to wait for a connection, and between two pieces of an answer.
    retries : int
        How often a failed request may be repeated.
    """

    def __init__(self, url: str, api_key: str, timeout: float, retries: int):
        self.site = Site.at(url)
        self._timeout = timeout
        self._retries = retries
        self._local = threading.local()
        self._ahead: timedelta | None = None
        self._auth = authorization(api_key, self._refresh)

    def __repr__(self) -> str:
        return f"Transport({self.site.address('')!r}, {self._auth.kind})"

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
        patience: float = 0.0,
    ) -> Any:
        """Return what Label Studio answers, decoded from JSON; None for an empty answer.

        Parameters
        ----------
        idempotent : bool, optional
            Whether it may be repeated although it may have arrived; by default as the method says.
        signed : bool
            Whether to prove who we are.
        patience : float
            Seconds to wait at least, for what takes long.

        Raises
        ------
        LabelStudioError
            One of its kinds, with the path and, where known, the fix.
        """
        timeout = max(self._timeout, patience)
        wanted: dict[str, Any] = {"params": params, "files": files, "timeout": timeout}
        if body is not None:
            wanted |= {"data": _encoded(body), "headers": {"Content-Type": "application/json"}}
        address = self.site.address(path)
        return self._repeat(
            lambda: self._decoded(self._send(method, address, signed, **wanted), path),
            path,
            method in IDEMPOTENT if idempotent is None else idempotent,
            timeout,
        )

    def download(
        self, path_or_url: str, max_bytes: int, elsewhere: Callable[[str], bytes] | None = None
    ) -> bytes:
        """Return the file at a path or address of this Label Studio; see `LabelStudio.download`."""
        address = self.site.file_address(path_or_url)
        for _ in range(MOST_REDIRECTS):
            attempt = partial(self._file, address, max_bytes)
            found: bytes | Moved = self._repeat(attempt, urlsplit(address).path, True, self._timeout)
            if isinstance(found, bytes):
                return found
            if elsewhere is not None and not self.site.owns(found.location):
                return elsewhere(found.location)
            address = self.site.file_address(found.location)
        raise LabelStudioRejected(f"{urlsplit(address).path}: more than {MOST_REDIRECTS} redirects")

    def server_time(self) -> datetime | None:
        """Return what time it is for Label Studio, by its last answer; None where no answer has said so."""
        return None if self._ahead is None else datetime.now(UTC) + self._ahead

    def _note_time(self, answer: requests.Response) -> None:
        with suppress(ValueError, TypeError):
            said = parsedate_to_datetime(answer.headers.get("Date", ""))
            self._ahead = (said if said.tzinfo else said.replace(tzinfo=UTC)) - datetime.now(UTC)

    def close(self) -> None:
        """Close this thread's connections."""
        # Those of before a fork are the parent's, which goes on with them.
        if getattr(self._local, "process", None) == os.getpid():
            self._local.session.close()

    def _repeat(self, attempt: Callable[[], Any], path: str, idempotent: bool, timeout: float) -> Any:
        """Return what the first attempt that succeeds returns; raise the error of the last one allowed."""
        for tried in count():
            try:
                outcome = attempt()
            except requests.RequestException as error:
                outcome = no_answer(error, path, timeout)
            if not isinstance(outcome, Failure):
                return outcome
            if tried >= self._retries or not outcome.allows_another(idempotent):
                raise outcome.error
            # Many workers are refused at the same moment: chance keeps them from coming back as one.
            pause = max(outcome.wait, FIRST_PAUSE * 2**tried * random.uniform(0.5, 1.0))
            logger.info("%s; trying again in %.1f s", outcome.error, min(pause, LONGEST_PAUSE))
            sleep(min(pause, LONGEST_PAUSE))
        raise AssertionError("count() has no end")

    def _send(self, method: str, address: str, signed: bool, **wanted: Any) -> requests.Response:
        """Return the answer; a request whose access token was refused goes out once more with a fresh one."""
        auth = self._auth if signed else _unsigned

        def send() -> requests.Response:
            # A redirected POST would become a GET, and a redirect could lead anywhere.
            return self._session().request(method, address, auth=auth, allow_redirects=False, **wanted)

        answer = send()
        self._note_time(answer)
        # The token that this request carried: another thread may have renewed ours since.
        used = answer.request.headers.get("Authorization")
        if signed and answer.status_code == 401 and self._auth.renew(used):
            answer.close()
            answer = send()
        return answer

    def _decoded(self, answer: requests.Response, path: str) -> Any:
        logger.debug("%s %s: %d", answer.request.method, path, answer.status_code)
        # We follow no redirect: its body is no answer, though requests counts it as `ok`.
        if not answer.ok or answer.is_redirect:
            return refusal(answer, path)
        try:
            return _json(answer.content) if answer.content else None
        except ValueError:
            return not_json(answer, path)

    def _file(self, address: str, max_bytes: int) -> bytes | Moved | Failure:
        """Return a file, or where it is said to be instead."""
        path = urlsplit(address).path
        # Unpacked, a small answer could be far larger than `max_bytes`.
        plain = {"Accept-Encoding": "identity"}
        wanted = {"stream": True, "headers": plain, "timeout": self._timeout}
        with self._send("GET", address, True, **wanted) as answer:
            if answer.is_redirect:
                return Moved(answer.headers["Location"])
            if answer.ok:
                return read_capped(answer, path, max_bytes, self._timeout)
            failure = refusal(answer, path)
            if "has_permission" in str(failure.error):  # its way of saying that an upload is gone
                return Failure(LabelStudioNotFound(f"{path}: Label Studio has no such upload", 404))
            return failure

    def _session(self) -> requests.Session:
        """Return this thread's own session; after a fork a new one, since sockets must not be shared."""
        if getattr(self._local, "process", None) != os.getpid():
            session = requests.Session()
            # No cookies: with a session Label Studio would ask for a CSRF token at every POST.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._local.session, self._local.process = session, os.getpid()
        return self._local.session

    def _refresh(self, key: str) -> str:
        """Trade a personal access token for an access token."""
        path = "/api/token/refresh/"
        try:
            answer = self.call("POST", path, body={"refresh": key}, idempotent=True, signed=False)
            return str(answer["access"])
        except LabelStudioUnauthorized:
            raise LabelStudioUnauthorized(
                "LABEL_STUDIO_API_KEY: Label Studio refuses this personal access token (revoked, expired, or "
                "of another install); create a new one under Account & Settings, Personal Access Token",
                401,
            ) from None
        except (LabelStudioNotFound, LabelStudioRejected, KeyError, TypeError) as error:
            raise LabelStudioUnauthorized(
                f"{path}: this address does not trade personal access tokens; is LABEL_STUDIO_URL right, and "
                "Label Studio 1.16 or newer? Older ones take a legacy token",
                getattr(error, "status", None),
            ) from None


def _encoded(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # lone surrogates, which Label Studio takes as escapes
        return json.dumps(body).encode()


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # NaN and lone surrogates, which task data may hold
        return json.loads(content)


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Change nothing: with an `auth`, even this one, requests does not look into ~/.netrc."""
    return request
