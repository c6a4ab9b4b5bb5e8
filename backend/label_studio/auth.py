"""Proves to Label Studio who we are: a legacy token, or a personal access token, told apart by their shape.

A personal access token is a JWT that is good for one thing: `POST /api/token/refresh/` trades it for an
access token that lives about five minutes.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from backend.errors import SettingsError

Refresh = Callable[[str], str]
"""Trades a personal access token for an access token."""

EARLY = 0.25
"""The share of an access token's life that is left when it is renewed."""


class LegacyToken(AuthBase):
    """Sends `Authorization: Token ...` with every request."""

    kind = "legacy token"

    def __init__(self, key: str):
        self._key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Token {self._key}"
        return request

    def renew(self, refused: str | None) -> bool:
        """Say no: a legacy token that was refused stays refused."""
        return False

    def __repr__(self) -> str:
        return "LegacyToken(***)"


class PersonalAccessToken(AuthBase):
    """Sends `Authorization: Bearer ...` with an access token that is renewed before it expires.

    Parameters
    ----------
    key : str
        The personal access token.
    refresh : callable
        Trades it for an access token; raises `LabelStudioUnauthorized` when Label Studio refuses.
    """

    kind = "personal access token"

    def __init__(self, key: str, refresh: Refresh):
        self._key = key
        self._refresh = refresh
        self._lock, self._process = threading.Lock(), os.getpid()
        self._access = ""
        self._good_until = 0.0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._current()}"
        return request

    def _current(self) -> str:
        # One thread fetches, the others wait for it: each fetch would be a request of its own.
        with self._alone():
            if monotonic() >= self._good_until:
                self._fetch()
            return self._access

    def _alone(self) -> threading.Lock:
        """Return the lock; after a fork a new one, since a thread that held the old one is not here."""
        if self._process != os.getpid():
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock

    def _fetch(self) -> None:
        # From before the call: on a slow line the token has aged by the time that it is here.
        began = monotonic()
        access = self._refresh(self._key)
        self._good_until = began + _lifetime(access) * (1 - EARLY)
        self._access = access

    def renew(self, refused: str | None) -> bool:
        """Fetch a new access token, unless another thread has done so since `refused` was sent."""
        with self._alone():
            if refused == f"Bearer {self._access}":
                self._fetch()
        return True

    def __repr__(self) -> str:
        return "PersonalAccessToken(***)"


def authorization(api_key: str, refresh: Refresh) -> LegacyToken | PersonalAccessToken:
    """Return the way of proving who we are that fits the token's shape.

    Raises
    ------
    SettingsError
        When it can be no token at all.
    """
    key = api_key.strip()
    if not key or not all("!" <= char <= "~" for char in key):
        raise SettingsError(
            "LABEL_STUDIO_API_KEY: a token has no spaces, line breaks or letters beyond ASCII; copy it anew"
        )
    return PersonalAccessToken(key, refresh) if _is_jwt(key) else LegacyToken(key)


def _is_jwt(key: str) -> bool:
    # Dots alone do not tell: its head must be one, for a legacy token can be any word.
    return key.count(".") == 2 and "alg" in _decoded(key.split(".")[0])


def _lifetime(access: str) -> float:
    """Seconds from issue to expiry by the server's own clock, so that ours may be wrong."""
    claims = _decoded(access.split(".")[1]) if access.count(".") == 2 else {}
    issued, expires = claims.get("iat"), claims.get("exp")
    if isinstance(issued, int | float) and isinstance(expires, int | float):
        return max(0.0, expires - issued)
    # Not readable, so guessed: too short costs a request, too long is mended by `renew`.
    return 60.0


def _decoded(part: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
