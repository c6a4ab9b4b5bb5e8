"""sentence-transformers, where the user has it: a model of the hub or a folder by its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source, imported, prefixed, probe, translated
from clean_al.encoders.onnx_session import silence_telemetry
from clean_al.encoders.torch_model import BATCH, TorchModel


def open_sentence_transformers(kind: str, name: str, threads: int) -> Model:
    """The model, from the hub's cache, the hub, or a folder."""
    if kind != "text":
        raise EncoderMissing(f"sentence-transformers:{name} encodes texts, not {kind}s")
    silence_telemetry()  # it can run on onnxruntime too
    library = imported("sentence_transformers", "pip install sentence-transformers")
    with translated(EncoderMissing, f"sentence-transformers does not give {name}"):
        model = library.SentenceTransformer(name, device="cpu")

        def rows(texts: list[Any]) -> np.ndarray:
            return np.asarray(
                model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
            )

        return TorchModel(f"sentence-transformers:{name}", model, rows, probe("text"))


SENTENCE_TRANSFORMERS = Source(
    "sentence-transformers:NAME", prefixed("sentence-transformers"), open_sentence_transformers
)
