"""An encoder of the user's own code: package.module:factory."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderMissing, EncoderRefused
from clean_al.encoders.model import Model, Source, identity_of, imported, probe, translated

FORM = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class OwnModel:
    """What a factory returned: an object with `encode(values)`, and perhaps `identity` and `dimension`."""

    def __init__(self, name: str, encoder: Any, source: str, sample: Any):
        self._encoder = encoder
        # Without a word of its own, a changed file is a changed encoder.
        own = getattr(encoder, "identity", None)
        self.identity = f"{name}@{own}" if own else identity_of(name, source)
        self.dimension = int(getattr(encoder, "dimension", 0) or self.encode([sample]).shape[-1])

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Its rows."""
        return np.asarray(self._encoder.encode(list(values)), dtype=np.float32)


def open_factory(kind: str, name: str, threads: int) -> Model:
    """The encoder that the factory returns; it is called without arguments."""
    module_name, _, attribute = name.partition(":")
    with translated(EncoderRefused, f"{name} fails"):
        factory = getattr(imported(module_name, "put it on the PYTHONPATH of every worker"), attribute, None)
        if not callable(factory):
            raise EncoderMissing(f"{name}: {module_name} has no function {attribute}")
        encoder = factory()
        if not callable(getattr(encoder, "encode", None)):
            raise EncoderRefused(f"{name} returned {type(encoder).__name__}, which has no encode(values)")
        return OwnModel(name, encoder, _source_of(factory), probe(kind))


def _source_of(factory: Any) -> str:
    try:
        return Path(inspect.getsourcefile(factory) or "").read_text(encoding="utf-8")
    except (OSError, TypeError, UnicodeDecodeError):
        return ""


FACTORY = Source(
    "package.module:factory", lambda setting: setting if FORM.fullmatch(setting) else None, open_factory
)
