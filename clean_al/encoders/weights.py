"""Weights of others are read as bytes and known by their checksum; no code comes with them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clean_al.encoders.errors import EncoderMissing, EncoderRefused

BLOCK = 2**20


@dataclass(frozen=True)
class Weights:
    """A file of weights, as it was when its checksum was taken.

    Attributes
    ----------
    name : str
        How messages call it.
    data : bytes
    sha256 : str
    """

    name: str
    data: bytes
    sha256: str


def read_weights(path: Path, name: str | None = None, sha256: str | None = None) -> Weights:
    """Read a file and check it.

    Raises
    ------
    EncoderMissing
        There is no such file.
    EncoderRefused
        It cannot be read, or is not the one with that checksum.
    """
    name = name or str(path)
    try:
        # Read once, checked and used from memory: between a check and a second read the file could be
        # exchanged.
        data = path.read_bytes()
    except FileNotFoundError:
        raise EncoderMissing(f"{name}: there is no such file") from None
    except OSError as error:
        raise EncoderRefused(f"{name} cannot be read: {error.strerror or error}") from None
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise EncoderRefused(
            f"{name} has the checksum sha256:{found[:16]}..., not sha256:{sha256[:16]}...: it is damaged or "
            "another file; install it anew"
        )
    return Weights(name, data, found)


def read_json(path: Path) -> Any:
    """The JSON in a file, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EncoderRefused(f"{path} is no JSON file: {error}") from None
