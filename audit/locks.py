"""What the lock files pin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"(?m)^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class Pin:
    """One release, with the digests of the files that may be installed of it."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()


def pins(lock: Path) -> list[Pin]:
    """Return what a lock file pins, by name.

    Raises
    ------
    ValueError
        Names an entry without a hash: nothing would hold its content.
    """
    text = lock.read_text(encoding="utf-8")
    found = []
    for entry in re.split(r"\n(?=\S)", text.strip()):
        pin, hashes = _PIN.match(entry), tuple(_HASH.findall(entry))
        if pin is None or not hashes:
            raise ValueError(f"{lock.name}: no version or no hash: {entry[:60]}")
        found.append(Pin(pin[1], pin[2], hashes))
    return sorted(found)
