"""Who may send a form: our own pages alone, with a token that no other page can read."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlsplit

from flask import Request
from werkzeug.exceptions import Forbidden

from backend.settings import Settings

# A page that was opened before midnight can still be sent.
DAY = 86_400
TOKEN_FIELD = "token"  # noqa: S105  the field's name
ELSEWHERE = "this form was not sent from a page of ours: open the page and send it from there"
EXPIRED = "the page is too old to be sent from: open it again, and send it from there"


def form_token(secret: str, now: float | None = None) -> str:
    """Return what a form must carry today; it says nothing about the secret."""
    day = int((time.time() if now is None else now) // DAY)
    return hmac.new(secret.encode(), f"clean-al form {day}".encode(), hashlib.sha256).hexdigest()


def require_own_form(request: Request, secret: str, settings: Settings) -> None:
    """Pass a form that was sent from one of our pages.

    A browser adds the login to whatever any page sends here: that a form comes with it says nothing.

    Raises
    ------
    Forbidden
        403, for one of another origin, or without today's or yesterday's token.
    """
    if not _same_origin(request, settings):
        raise Forbidden(ELSEWHERE)
    given, now = request.form.get(TOKEN_FIELD, ""), time.time()
    known = (form_token(secret, now), form_token(secret, now - DAY))
    if not any(hmac.compare_digest(given.encode("utf-8", "replace"), one.encode()) for one in known):
        raise Forbidden(EXPIRED)


def _same_origin(request: Request, settings: Settings) -> bool:
    # Newer browsers say it outright, and no page can make them say otherwise.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    said = request.headers.get("Origin") or request.headers.get("Referer")
    if said is None:
        return True
    hosts = {request.host.lower()}
    if settings.public_url:
        hosts.add(urlsplit(settings.public_url).netloc.lower())
    try:
        return urlsplit(said).netloc.lower() in hosts
    except ValueError:
        return False
