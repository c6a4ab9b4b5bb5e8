"""Names of media files, out of the many ways in which Label Studio writes where they lie."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

_UPLOADS = "/data/upload/"
# Most names need no work.
_STEP = "[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_PLAIN = re.compile(f"(?:{_UPLOADS})?((?:{_STEP}/)*{_STEP})")


def media_name(address: str) -> str:
    """Return a relative posix path: no scheme, host, query, drive, nor a step up or to the root.

    >>> media_name("/data/local-files/?d=photos/a%20b.jpg")
    'photos/a b.jpg'
    >>> media_name("s3://bucket/2024/a.jpg")
    '2024/a.jpg'
    """
    plain = _PLAIN.fullmatch(address)
    if plain is not None:
        return plain[1]
    if address.startswith("data:"):
        return ""
    text = address.replace("\\", "/")
    parts = _split(text)
    path = parts[1]
    # Label Studio serves a mounted folder under this address; where the file lies is in its query.
    if "local-files" in path and "d=" in parts[2]:
        path = parse_qs(parts[2]).get("d", [""])[0]
    # A bare name may hold a percent sign of its own; only an address is encoded.
    elif parts[0] or path.startswith("/"):
        path = unquote(path)
    path = path.split(_UPLOADS, 1)[-1] if _UPLOADS in path else path
    kept = [step for step in path.split("/") if step not in ("", ".", "..")]
    # A drive of Windows: no other machine has it.
    if kept and len(kept[0]) == 2 and kept[0][1] == ":":
        del kept[0]
    return "/".join(kept)


def _split(text: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "", text, ""
    if not parts.scheme or len(parts.scheme) == 1:
        # A path: what looks like a query may be part of the name, but for Label Studio's own addresses.
        return ("", parts.path, parts.query) if parts.path.startswith("/data/") else ("", text, "")
    return parts.scheme, parts.path, parts.query


def climbs(address: str) -> bool:
    """Return whether the address steps out of its folder."""
    return ".." in address.replace("\\", "/").split("/")


def basename(name: str) -> str:
    """Return the last step of a path."""
    return name.rsplit("/", 1)[-1]


def stem(name: str) -> str:
    """Return the name without its extension, as CVAT compares it."""
    folder, _, last = name.rpartition("/")
    cut = last.rfind(".")
    last = last[:cut] if cut > 0 else last
    return f"{folder}/{last}" if folder else last
