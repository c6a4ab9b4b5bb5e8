"""Decides which addresses in task data lead to a file of our Label Studio, and reads one up to a size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import requests

from backend.errors import LabelStudioRejected, LabelStudioUnreachable, SettingsError

FILE_PATHS = ("/data/", "/static/", "/storage-data/", "/tasks/", "/projects/")
"""Where Label Studio serves files that task data names; /tasks and /projects resolve storage addresses."""


@dataclass(frozen=True)
class Site:
    """Where Label Studio is: scheme and authority, and the path under which a proxy may put it."""

    base: str
    root: str

    @staticmethod
    def at(url: str) -> Site:
        """Return the site at an address; a `SettingsError` tells what an address looks like."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise SettingsError("LABEL_STUDIO_URL: give an address such as http://localhost:8080")
        return Site(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))

    def address(self, path: str) -> str:
        """Return where a path of Label Studio's own is found."""
        return f"{self.base}{self.root}{path}"

    def file_address(self, path_or_url: str) -> str:
        """Return where to fetch a file that task data names.

        Raises
        ------
        LabelStudioRejected
            When it does not lead to a file of this Label Studio.
        """
        shown = repr(path_or_url[:120])
        if any(c <= " " or c in "\\\x7f" for c in path_or_url):
            raise LabelStudioRejected(f"{shown}: not fetched: an address has no spaces or control characters")
        parts = self._own_parts(path_or_url)
        if parts is None:
            raise LabelStudioRejected(f"{shown}: not fetched: files are read from {self.base} only")
        path = parts.path.removeprefix(self.root) if parts.path.startswith(f"{self.root}/") else parts.path
        # Decoded first: a server behind us would decode %2e%2e, and leave the folder that we have checked.
        if ".." in unquote(path).split("/") or not path.startswith(FILE_PATHS):
            raise LabelStudioRejected(f"{shown}: not fetched: Label Studio serves no files at this path")
        return self.address(path) + (f"?{parts.query}" if parts.query else "")

    def owns(self, path_or_url: str) -> bool:
        """Whether a path or an address leads to this Label Studio, whatever it serves there."""
        return self._own_parts(path_or_url) is not None

    def _own_parts(self, path_or_url: str) -> SplitResult | None:
        try:
            parts = urlsplit(path_or_url)
            if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
                return parts
            # Where some take what stands before the @ for the host, others what stands behind it.
            own = "@" not in parts.netloc and _origin(parts) == _origin(urlsplit(self.base))
        except ValueError:  # a port that is no number, a broken IPv6 address
            return None
        return parts if own else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def declared_length(header: str) -> int:
    """Return the length that a Content-Length header declares; 0 where it declares none."""
    # isdigit() is true of superscripts, too, and int() refuses numbers of thousands of digits.
    return int(header) if header.isascii() and header.isdigit() and len(header) < 20 else 0


def read_capped(answer: requests.Response, path: str, max_bytes: int, seconds: float) -> bytes:
    """Return the body of an answer that is at most `max_bytes` long and complete within `seconds`.

    Raises
    ------
    LabelStudioRejected
        When it is longer, declared or not.
    LabelStudioUnreachable
        When it takes longer.
    """
    # The client's timeout is for the pause between two pieces: a byte now and then would never end.
    ends = time.monotonic() + seconds
    body = bytearray()
    if declared_length(answer.headers.get("Content-Length", "")) <= max_bytes:
        # Counted as well: a declared length need not be true, and is not there for chunks.
        for part in answer.iter_content(65536):
            body += part
            if len(body) > max_bytes:
                break
            if time.monotonic() > ends:
                raise LabelStudioUnreachable(f"{path}: not complete within {seconds:g} s")
        else:
            return bytes(body)
    raise LabelStudioRejected(f"{path}: larger than {max_bytes} bytes", 413)
