"""Tokens of the fake: shaped like Label Studio's, good for this process only."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping


class Tokens:
    """Who holds which token."""

    def __init__(self, access_lifetime: float, legacy_allowed: bool):
        self.access_lifetime = access_lifetime
        self.legacy_allowed = legacy_allowed
        self._personal: dict[str, int] = {}
        self._legacy: dict[str, int] = {}
        self._access: dict[str, tuple[int, float]] = {}

    def new_personal(self, user: int) -> str:
        """Return a new personal access token."""
        token = _jwt("refresh", 200 * 365 * 86400)
        self._personal[token] = user
        return token

    def new_legacy(self, user: int) -> str:
        """Return a new legacy token."""
        token = secrets.token_hex(20)
        self._legacy[token] = user
        return token

    def trade(self, personal: str) -> str | None:
        """Return an access token for a personal one; None if it is not known."""
        user = self._personal.get(personal)
        if user is None:
            return None
        access = _jwt("access", self.access_lifetime)
        self._access[access] = user, time.monotonic() + self.access_lifetime
        return access

    def revoke(self, personal: str) -> None:
        """Forget a personal access token, and every access token."""
        self._personal.pop(personal, None)
        self.expire()

    def expire(self) -> None:
        """Let every access token be too old."""
        self._access.clear()

    def user(self, header: str) -> int | str:
        """Return the user of an Authorization header, or why there is none."""
        kind, _, token = header.partition(" ")
        if kind == "Bearer":
            user, until = self._access.get(token, (0, 0.0))
            return user if time.monotonic() < until else "Given token not valid for any token type"
        if kind == "Token" and token in self._legacy:
            if self.legacy_allowed:
                return self._legacy[token]
            return "Authentication token no longer valid: legacy token authentication has been disabled"
        return "Invalid token." if kind == "Token" else "Authentication credentials were not provided."


def _jwt(kind: str, lifetime: float) -> str:
    now = time.time()
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"token_type": kind, "iat": now, "exp": now + lifetime, "jti": secrets.token_hex(8)}
    return ".".join([_part(head), _part(claims), secrets.token_urlsafe(32)])


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
