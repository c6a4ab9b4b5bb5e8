"""fastembed, where the user has it: its models by their names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source, identity_of, imported, prefixed, probe, translated
from clean_al.encoders.onnx_session import silence_telemetry


class FastembedModel:
    """A model of fastembed; items go through one by one."""

    def __init__(self, name: str, library_model: Any, sample: Any):
        self._model = library_model
        self.identity = identity_of(f"fastembed:{name}", version("fastembed"))
        self.dimension = self.encode([sample]).shape[1]

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Its rows."""
        # Its quantized models take their scale from the whole batch, and it does not say which ones do.
        return np.asarray(list(self._model.embed(list(values), batch_size=1)), dtype=np.float32)


def open_fastembed(kind: str, name: str, threads: int) -> Model:
    """The model, from fastembed's cache or the hub."""
    silence_telemetry()
    library = imported("fastembed", "pip install fastembed")
    made = {"text": library.TextEmbedding, "image": library.ImageEmbedding}[kind]
    with translated(EncoderMissing, f"fastembed does not give {name}"):
        return FastembedModel(name, made(model_name=name, threads=threads), probe(kind))


FASTEMBED = Source("fastembed:NAME", prefixed("fastembed"), open_fastembed)
