"""Who may call: decided from the headers alone, before a byte of the body is read."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import SecurityError, Unauthorized

from backend.secrets import ml_backend_login, webhook_secret
from backend.settings import Settings

CHALLENGE = WWWAuthenticate("basic", {"realm": "clean-al"})


@dataclass(frozen=True)
class Gate:
    """The credentials of one process and the rules made of them.

    Attributes
    ----------
    secret : what a webhook carries as a bearer token
    login : the user and password that Label Studio's ML backend form holds
    is_open : whether ML calls and pages need no login: on loopback, while BASIC_AUTH_USER is not set
    hosts : the only names that an open one answers to; None where all are served
    """

    secret: str = field(repr=False)
    login: tuple[str, str] = field(repr=False)
    is_open: bool
    hosts: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: Settings) -> Gate:
        """Return the gate that these settings ask for."""
        is_open = settings.listens_on_loopback and not settings.basic_auth_user
        hosts = trusted_hosts(settings) if is_open else None
        return cls(webhook_secret(settings), ml_backend_login(settings), is_open, hosts)

    def require_known_host(self, request: Request) -> None:
        """Pass what asks for one of our names.

        Without a login, the Host header is what keeps a web page whose name was rebound to loopback out.
        """
        if not self.serves(request.host):
            raise SecurityError

    def serves(self, host: str) -> bool:
        """Whether a Host header asks for one of our names."""
        if self.hosts is None:
            return True
        try:
            return urlsplit(f"//{host}").hostname in self.hosts
        except ValueError:
            return False

    def require_webhook(self, request: Request) -> None:
        """Pass a webhook with our secret, or an ML call with our login ("Start training" comes as one)."""
        if not (self._has_secret(request) or self._has_login(request)):
            raise Unauthorized("unauthorized", www_authenticate=CHALLENGE)

    def require_login(self, request: Request) -> None:
        """Pass ML calls and those who look at pages.

        A login that is set is asked for on loopback too: a proxy on this machine may stand before us.
        """
        if not (self.is_open or self._has_login(request)):
            raise Unauthorized("unauthorized", www_authenticate=CHALLENGE)

    def admits(self, authorization: bytes) -> bool:
        """Whether a body is worth waiting for from who sent this Authorization header."""
        if self.is_open or self.is_secret(authorization):
            return True
        # As WSGI hands a header on, so that the view decides the same once the body is there.
        request = Request({"HTTP_AUTHORIZATION": authorization.decode("latin-1")})
        return self._has_login(request)

    def is_secret(self, authorization: bytes) -> bool:
        """Whether this Authorization header carries the webhook secret."""
        kind, _, token = authorization.decode("latin-1").partition(" ")
        return kind.lower() == "bearer" and _same(token.strip(), self.secret)

    def _has_secret(self, request: Request) -> bool:
        return self.is_secret(request.headers.get("Authorization", "").encode("latin-1", "replace"))

    def _has_login(self, request: Request) -> bool:
        # Base64 is ASCII; Werkzeug's parser fails on anything else instead of finding no login.
        is_ascii = request.headers.get("Authorization", "").isascii()
        given = request.authorization if is_ascii else None
        if given is None or given.type != "basic":
            return False
        # Both are always compared, so the time taken does not tell which one was wrong.
        right_user = _same(given.username or "", self.login[0])
        return _same(given.password or "", self.login[1]) and right_user


def trusted_hosts(settings: Settings) -> frozenset[str]:
    """Return the names of this machine and of the public address, as an address spells them in lower case."""
    # Not Flask's TRUSTED_HOSTS: Werkzeug cuts a name at its first colon, so no [::1] is ever among them.
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    names = ("127.0.0.1", "::1", "localhost", settings.host.lower(), public)
    return frozenset(_as_sent(name) for name in names if name)


def _as_sent(name: str) -> str:
    """Return a name as browsers write it into a Host header."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _same(given: str, expected: str) -> bool:
    # As bytes: of strings it takes ASCII alone, and a header may hold anything.
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )
