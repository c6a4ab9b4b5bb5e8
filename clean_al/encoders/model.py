"""What a source opens, and what it must be able to do."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from clean_al.encoders.errors import EncoderError, EncoderMissing

INSTALL = 'pip install "clean-al[encoders]"'


class Model(Protocol):
    """A pretrained model, ready to use.

    Attributes
    ----------
    identity : str
        Changes whenever the model would give other rows; says in its beginning which model it is.
    dimension : int
        Columns of the rows.
    """

    @property
    def identity(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Rows of shape (n, dimension): of texts that are not empty, or of RGB pictures (PIL)."""


@dataclass(frozen=True)
class Source:
    """Where encoders come from.

    Attributes
    ----------
    form : str
        How its names are written, for messages and the docs.
    name_in : callable (str) -> str or None
        What the setting names, or None where it has not this source's form.
    open : callable (kind, name, threads) -> Model
        Raises EncoderMissing or EncoderRefused; kind is "text" or "image".
    """

    form: str
    name_in: Callable[[str], str | None]
    open: Callable[[str, str, int], Model]


def prefixed(prefix: str) -> Callable[[str], str | None]:
    """A reader of names such as `fastembed:NAME`."""

    def name_in(setting: str) -> str | None:
        return setting.removeprefix(f"{prefix}:").strip() if setting.startswith(f"{prefix}:") else None

    return name_in


def imported(module: str, install: str = INSTALL) -> Any:
    """The module; EncoderMissing says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EncoderMissing(f"{module} cannot be imported ({error}): {install}") from None


def probe(kind: str) -> Any:
    """A value to learn from how many columns a model gives."""
    return "a text" if kind == "text" else imported("PIL.Image").new("RGB", (64, 64))


def identity_of(label: str, *parts: bytes | str) -> str:
    """A name and the checksum of all that the rows depend on."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        # With its length before each part, "ab" + "c" and "a" + "bc" are different.
        whole.update(len(data).to_bytes(8, "big") + data)
    return f"{label}@sha256:{whole.hexdigest()[:16]}"


@contextmanager
def translated(kind: type[EncoderError], saying: str) -> Iterator[None]:
    """Turns whatever code of others raises into an error of ours, short enough for a status."""
    try:
        yield
    # Already one of ours, and more exact than `saying`.
    except EncoderError:
        raise
    except Exception as error:  # libraries raise what they like
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise kind(f"{saying}: {said if len(said) <= 200 else said[:197] + '...'}") from error
