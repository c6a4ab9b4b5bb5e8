"""The other hosts that media may be fetched from, as CLEAN_AL_MEDIA_HOSTS lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

IPAddress = IPv4Address | IPv6Address
PORTS = {"http": 80, "https": 443}

# Where clouds keep the machine's own credentials; no entry may open it.
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
# IPv6 addresses that stand for an IPv4 address behind a translator.
_TRANSLATED = ip_network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True)
class MediaHost:
    """A host that media may be fetched from.

    Attributes
    ----------
    scheme, host, port : where exactly
    network : the addresses that the host may have; None for any public one
    """

    scheme: str
    host: str
    port: int
    network: IPv4Network | IPv6Network | None = None

    @classmethod
    def parse(cls, entry: str) -> MediaHost:
        """Return what an entry such as `cdn.example.org` or `http://images:9000=10.0.0.0/8` allows.

        Raises
        ------
        ValueError
            When it is no such entry; the entry is not repeated.
        """
        where, _, network = entry.partition("=")
        parts = urlsplit(where if "://" in where else f"https://{where}")
        host = host_name(parts.hostname or "")
        if (
            parts.scheme not in PORTS
            or not host
            or "@" in parts.netloc
            or parts.path.strip("/")
            or parts.query
        ):
            raise ValueError("not a host")
        port = parts.port or PORTS[parts.scheme]
        allowed = ip_network(network) if network else _own_network(host)
        if allowed is not None and any(
            allowed.version == each.version and allowed.overlaps(each) for each in _LINK_LOCAL
        ):
            raise ValueError("link-local")
        return cls(parts.scheme, host, port, allowed)

    def allows(self, address: IPAddress) -> bool:
        """Whether the host may have this address: a public one, unless the entry names its network."""
        return address in self.network if self.network is not None else is_public(address)

    def __str__(self) -> str:
        """Return the entry that allows it, with a network only where one is needed."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        shown += "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return shown if self.scheme == "https" else f"{self.scheme}://{shown}"


def parse_hosts(text: str) -> tuple[MediaHost, ...]:
    """Return the hosts of a list with commas; a `ValueError` tells how an entry looks."""
    try:
        return tuple(MediaHost.parse(entry) for entry in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(
            "give exact hosts with commas between them, such as "
            "cdn.example.org,http://images.example.org:8080; one with a private address names it or "
            "its network: http://minio:9000=10.0.0.0/8; "
            "link-local addresses are never allowed"
        ) from None


def host_name(host: str) -> str:
    """Return a host's name as DNS knows it, or an address; empty where it is neither."""
    if ":" in host:
        try:
            # With a zone it is an address of this machine's own network.
            return str(IPv6Address(host.partition("%")[0])) if "%" not in host else ""
        except ValueError:
            return ""
    try:
        known = host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return known if _HOST.fullmatch(known) else ""


def is_public(address: IPAddress) -> bool:
    """Whether an address lies in the public internet, whatever form it is written in."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        # By the IPv4 address that is reached in the end, however it is wrapped.
        if address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _own_network(host: str) -> IPv4Network | IPv6Network | None:
    """Return the one address that a host written as an address may have."""
    try:
        return ip_network(ip_address(host))
    except ValueError:
        return None
