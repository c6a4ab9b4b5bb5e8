"""Where the media that task data name are read from: the data themselves, Label Studio, or a listed host."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote_to_bytes, urlsplit

from backend.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioUnreachable,
    MediaError,
)
from backend.label_studio.breaker import Breaker
from backend.label_studio.client import LabelStudio
from backend.label_studio.elsewhere import Elsewhere, place, split, too_large
from backend.media_hosts import MediaHost

STORAGES = ("s3", "s3s", "gs", "azure-blob")
"""The schemes of the storages that Label Studio connects to."""

SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "signature", "sig"})
"""Parts of a pre-signed link's query, of Amazon, Google and Azure."""

_HALVES = re.compile("[\ud800-\udfff]")
_RESOLVING = re.compile(r"/(?:tasks|projects)/\d+/(?:resolve|presign)/?$")


@dataclass(frozen=True)
class Media:
    """Fetches what task data name; nothing but data URIs, Label Studio's files and listed hosts.

    Parameters
    ----------
    hosts : where else files may come from
    max_bytes : the size from which a file is refused
    """

    label_studio: LabelStudio
    hosts: tuple[MediaHost, ...]
    max_bytes: int
    elsewhere: Elsewhere

    @classmethod
    def at(
        cls, label_studio: LabelStudio, hosts: Sequence[MediaHost], max_bytes: int, seconds: float
    ) -> Media:
        """Return the media that can be had with these settings."""
        return cls(label_studio, tuple(hosts), max_bytes, Elsewhere(max_bytes, seconds))

    @property
    def means(self) -> str:
        """Return what there is to read with: when it changes, what could not be read may be readable."""
        return f"{self.max_bytes} {' '.join(sorted(f'{host}={host.network}' for host in self.hosts))}"

    def of_project(self, project_id: int) -> Callable[[str], bytes]:
        """Return what fetches a project's files by the addresses in its tasks' data.

        It raises `MediaError` for what may not be fetched or cannot be had, and `LabelStudioUnreachable` when
        Label Studio does not answer now.
        """
        unresolved = Breaker()

        def fetch(address: str) -> bytes:
            # JSON lets them through, and no request can hold one.
            if _HALVES.search(address):
                raise MediaError("the address of the file holds half of a character; correct the task data")
            address = _cleaned(address)
            scheme = address.partition(":")[0].lower() if ":" in address else ""
            if scheme == "data":
                return read_data_uri(address, self.max_bytes)
            if scheme in STORAGES:
                return self._stored(address, project_id, unresolved)
            return self._from_web(address)

        return fetch

    def _from_web(self, address: str) -> bytes:
        if self.label_studio.site.owns(address):
            return self._own(address)
        parts = split(address)
        if place(parts) not in [_anywhere(host) for host in self.hosts]:
            resolving = _RESOLVING.search(parts.path)
            # Label Studio writes its storage links with its public name, which is often not the one we use.
            if resolving and "fileuri" in parse_qs(parts.query):
                return self._own(f"{resolving[0]}?{parts.query}")
        return self.elsewhere.fetch(address, self._listed, self._listed)

    def _stored(self, uri: str, project_id: int, unresolved: Breaker) -> bytes:
        """Return a file that Label Studio finds in a storage of the project."""
        bucket = "/".join(uri.split("/")[:3])
        reason = (
            f"no storage of the project leads to {bucket[:80]}; connect it in Label Studio: Settings, Cloud "
            "Storage"
        )
        encoded = base64.urlsafe_b64encode(uri.encode()).decode()
        with unresolved.watch(bucket, reason, by_hand=True):
            try:
                return self._own(f"/projects/{project_id}/resolve/?fileuri={encoded}", reason)
            except MediaError as error:
                error.silent = error.by_hand = str(error) == reason
                raise

    def _own(self, address: str, missing: str = "") -> bytes:
        resolves = bool(_RESOLVING.search(urlsplit(address).path))
        try:
            return self.label_studio.download(
                address, max_bytes=self.max_bytes, elsewhere=self._presigned if resolves else None
            )
        except LabelStudioNotFound:
            raise MediaError(missing or "Label Studio has no such file", later=bool(missing)) from None
        except LabelStudioUnreachable as error:
            # 500 for one file is an answer about that file; it must not keep the project from going on.
            if error.status != 500:
                raise
            raise MediaError("Label Studio fails at the file (500)", later=True) from None
        except LabelStudioError as error:
            if error.status == 413:
                raise too_large(self.max_bytes) from None
            if error.status is None:
                raise MediaError("Label Studio serves no files at such an address") from None
            refused = f"Label Studio refuses the file ({error.status})"
            if error.status in (401, 403):
                raise MediaError(f"{refused}: let the user of LABEL_STUDIO_API_KEY see it") from None
            raise MediaError(refused, later=True) from None

    def _presigned(self, location: str) -> bytes:
        """Return the file that a storage link of Label Studio's leads to."""
        return self.elsewhere.fetch(location, self._signed, self._listed)

    def _signed(self, parts: SplitResult) -> MediaHost:
        """Return the host of a pre-signed link, which need not be listed: Label Studio made the link."""
        signed = SIGNATURES & {name.lower() for name in parse_qs(parts.query)}
        if parts.scheme == "https" and signed and not self._entry(parts):
            return place(parts)
        return self._listed(parts)

    def _listed(self, parts: SplitResult) -> MediaHost:
        entry = self._entry(parts)
        if entry is not None:
            return entry
        wanted = place(parts)
        setting = ",".join(_written(host) for host in (*self.hosts, wanted))
        raise MediaError(f"files at {wanted} are not fetched; set CLEAN_AL_MEDIA_HOSTS={setting} to allow it")

    def _entry(self, parts: SplitResult) -> MediaHost | None:
        wanted = place(parts)
        return next((host for host in self.hosts if _anywhere(host) == wanted), None)


def read_data_uri(uri: str, max_bytes: int) -> bytes:
    """Return what a data URI holds.

    Raises
    ------
    MediaError
        When it is broken or too large.
    """
    head, comma, body = uri.partition(",")
    if len(body) > 4 * max_bytes:
        raise too_large(max_bytes)
    content = unquote_to_bytes(body)
    if head.lower().rstrip().endswith(";base64"):
        text = re.sub(rb"\s+", b"", content).translate(bytes.maketrans(b"-_", b"+/"))
        try:
            content = base64.b64decode(
                text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4), validate=True
            )
        except (binascii.Error, ValueError):
            raise MediaError("the data URI is broken") from None
    if not comma or not content:
        raise MediaError("the data URI is empty")
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    return content


def _cleaned(address: str) -> str:
    """Return an address as a browser asks for it: file names may hold blanks."""
    address = address.strip()
    if address[:5].lower() == "data:":
        return address
    if any(c < " " or c in "\\\x7f" for c in address):
        raise MediaError("the address holds control characters or backslashes")
    return address.replace(" ", "%20")


def _anywhere(host: MediaHost) -> MediaHost:
    return MediaHost(host.scheme, host.host, host.port)


def _written(host: MediaHost) -> str:
    """Return an entry as the setting has it."""
    own = host.network is not None and str(host.network.network_address) == host.host
    return str(host) if host.network is None or own else f"{host}={host.network}"
