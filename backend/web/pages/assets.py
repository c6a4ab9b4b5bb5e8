"""The style sheet, the script that renews pages, and the icon; all of them our own."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from flask import Response
from werkzeug.exceptions import NotFound

from backend.web.pages.blueprint import blueprint

KINDS = {"page.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7"
fill="#1d5fbf"/><path d="M6 24C11 24 12 9 26 8" fill="none" stroke="#fff" stroke-width="3"
stroke-linecap="round"/>
<circle cx="26" cy="8" r="3.4" fill="#ffd166"/></svg>"""


@blueprint.get("/static/<name>")
def asset(name: str) -> Response:
    """Answer one of our own files; browsers may keep it, for its address changes with its content."""
    # By this table, never by a path: nothing else of the package can be asked for.
    if name not in KINDS:
        raise NotFound
    response = Response(content_of(name), content_type=f"{KINDS[name]}; charset=utf-8")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


@cache
def content_of(name: str) -> bytes:
    """Return what stands in one of our own files."""
    if name == "icon.svg":
        return ICON.encode()
    return (files("backend.web") / "static" / name).read_bytes()


@cache
def digest_of(name: str) -> str:
    """Return what tells one content of a file from another, for its address."""
    return hashlib.sha256(content_of(name)).hexdigest()[:10]


@blueprint.app_context_processor
def _addresses() -> dict[str, object]:
    return {"asset_digest": digest_of}
