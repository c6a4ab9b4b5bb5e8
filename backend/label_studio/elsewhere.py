"""Fetches a file from another host: only from listed ones, at an address that was checked, up to a size."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError, SSLError

from backend.errors import MediaError
from backend.label_studio.breaker import Breaker
from backend.label_studio.files import declared_length
from backend.media_hosts import PORTS, MediaHost, host_name

MOST_REDIRECTS = 5
CONNECT_SECONDS = 10.0
TYPES = ("image/", "audio/", "video/", "text/")
"""What a file may say that it is; what it holds is found out by whoever reads it."""
MORE_TYPES = frozenset(
    {
        "",
        "application/csv",
        "application/json",
        "application/mp4",
        "application/octet-stream",
        "application/ogg",
        "application/pdf",
        "application/vnd.ms-excel",
        "application/x-ndjson",
        "application/x-pdf",
        "application/xhtml+xml",
        "application/xml",
        "binary/octet-stream",
    }
)
try:
    USER_AGENT = f"clean-al/{version('clean-al')} (reads the media of labeling tasks)"
except PackageNotFoundError:  # run from a checkout that is not installed
    USER_AGENT = "clean-al (reads the media of labeling tasks)"

AllowedHost = Callable[[SplitResult], MediaHost]


class Elsewhere:
    """Fetches files from other hosts without proving who we are, and without any proxy.

    A host's name is resolved once, its addresses are checked, and the connection goes to the checked one: a
    name that answers differently a moment later changes nothing.

    Parameters
    ----------
    max_bytes : the size from which a file is refused
    seconds : how long one file may take
    """

    def __init__(self, max_bytes: int, seconds: float):
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._breaker = Breaker()

    def fetch(self, address: str, first: AllowedHost, then: AllowedHost) -> bytes:
        """Return the file at an address.

        Parameters
        ----------
        first, then : say what the address, and those it redirects to, may lead to

        Raises
        ------
        MediaError
            When it may not be fetched, or cannot be had.
        """
        ends = time.monotonic() + self._seconds
        allowed = first
        for _ in range(MOST_REDIRECTS):
            parts = split(address)
            host = allowed(parts)
            with self._breaker.watch(f"{host.host}:{host.port}", f"{host.host} does not answer"):
                found = self._get(host, parts, ends)
            if isinstance(found, bytes):
                return found
            address, allowed = _target(address, found), then
        raise MediaError(f"{host.host} redirects in a circle")

    def _get(self, host: MediaHost, parts: SplitResult, ends: float) -> bytes | str:
        """Return the file, or where it is said to be instead."""
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            answer = self._connected(host, target)
            try:
                return self._read(answer, host.host, ends)
            finally:
                answer.close()
        except SSLError:
            why = f"{host.host}: its certificate is not trusted; set REQUESTS_CA_BUNDLE to its authority's"
            raise MediaError(why, later=True, by_hand=True) from None
        except (HTTPError, OSError):
            raise MediaError(f"{host.host} does not answer", later=True, silent=True) from None

    def _connected(self, host: MediaHost, target: str) -> BaseHTTPResponse:
        """Return the answer of the first of the host's addresses that can be reached."""
        error: Exception | None = None
        for address in _checked(host):
            try:
                return _pool(host, address, self._seconds).urlopen(
                    "GET",
                    target,
                    headers={
                        "Host": _authority(host),
                        "User-Agent": USER_AGENT,
                        "Accept-Encoding": "identity",
                    },
                    # Each redirect is looked at as the first address was, by the caller.
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    # The pool knows the address alone; the host stands in the header.
                    assert_same_host=False,
                )
            except (HTTPError, OSError) as failed:
                error = failed
        raise error or OSError("no address")

    def _read(self, answer: BaseHTTPResponse, host: str, ends: float) -> bytes | str:
        location = answer.headers.get("Location")
        if answer.status in (301, 302, 303, 307, 308) and location:
            return location
        if answer.status != 200:
            raise _refusal(answer.status, host)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not kind.startswith(TYPES) and kind not in MORE_TYPES:
            raise MediaError(f"{host} sends {kind[:40]}, which is no media file")
        if declared_length(answer.headers.get("Content-Length", "")) > self._max_bytes:
            raise too_large(self._max_bytes)
        body = bytearray()
        for part in answer.stream(65536, decode_content=True):
            body += part
            # After unpacking: a small answer can hold far more.
            if len(body) > self._max_bytes:
                raise too_large(self._max_bytes)
            if time.monotonic() > ends:
                raise MediaError(f"{host} takes longer than {self._seconds:g} s for a file", later=True)
        return bytes(body)


def split(address: str) -> SplitResult:
    """Return the parts of a web address; a `MediaError` where it is none."""
    try:
        parts = urlsplit(address)
        if parts.scheme in PORTS and host_name(parts.hostname or "") and "@" not in parts.netloc:
            _ = parts.port
            return parts
    except ValueError:  # a port that is no number, a broken IPv6 address
        pass
    raise MediaError("the address is none that is fetched (https://host/path, without user or password)")


def _target(address: str, location: str) -> str:
    """Return where a redirect leads; a `MediaError` where that is no address."""
    try:
        return urljoin(address, location)
    except ValueError:
        raise MediaError(
            f"{urlsplit(address).hostname} redirects to what is no address; give the file's own"
        ) from None


def place(parts: SplitResult) -> MediaHost:
    """Return the host that an address names, as an entry of the list would."""
    host = host_name(parts.hostname or "")
    return MediaHost(parts.scheme, host, parts.port or PORTS[parts.scheme])


def too_large(max_bytes: int) -> MediaError:
    """Return the error for a file above the limit."""
    return MediaError(f"the file is larger than {max_bytes} bytes; CLEAN_AL_MAX_MEDIA allows more")


def _checked(host: MediaHost) -> list[str]:
    """Return the addresses of a host that it may have."""
    try:
        # Once: a second look-up could give an address that nobody has checked.
        found = socket.getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise MediaError(f"{host.host}: no such host is known", later=True) from None
    addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    allowed = [address for address in addresses if host.allows(ip_address(address))]
    if not allowed:
        shown = ", ".join(sorted(addresses)[:3])
        raise MediaError(
            f"{host.host} has the private address {shown}: not fetched; where that is meant, set "
            f"CLEAN_AL_MEDIA_HOSTS={host}={sorted(addresses)[0]}"
        )
    return allowed


def _pool(host: MediaHost, address: str, seconds: float) -> HTTPConnectionPool:
    timeout = Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
    if host.scheme == "http":
        return HTTPConnectionPool(address, host.port, timeout=timeout, maxsize=1)
    return HTTPSConnectionPool(
        address,
        host.port,
        timeout=timeout,
        maxsize=1,
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where(),
        # The connection goes to an address; the certificate is for the name.
        server_hostname=host.host,
        assert_hostname=host.host,
    )


def _authority(host: MediaHost) -> str:
    shown = f"[{host.host}]" if ":" in host.host else host.host
    return shown if host.port == PORTS[host.scheme] else f"{shown}:{host.port}"


def _refusal(status: int, host: str) -> MediaError:
    if status in (404, 410):
        return MediaError(f"{host} has no such file ({status}); correct the address, or put it there")
    if status in (401, 403):
        return MediaError(
            f"{host} refuses the file ({status}): it wants a login or a signed link; sign the links in the "
            "task data, or connect the storage, with its keys, in Label Studio: Settings, Cloud Storage"
        )
    later = status == 429 or status >= 500
    return MediaError(f"{host} answers {status}", later=later, silent=status == 503)
