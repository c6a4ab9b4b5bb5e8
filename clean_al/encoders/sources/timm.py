"""timm, where the user has it: pictures through any of its networks, without the last layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source, imported, prefixed, probe, translated
from clean_al.encoders.torch_model import TorchModel


def open_timm(kind: str, name: str, threads: int) -> Model:
    """The network, pretrained, with its own way to prepare pictures."""
    if kind != "image":
        raise EncoderMissing(f"timm:{name} encodes images, not {kind}s")
    library = imported("timm", "pip install timm")
    torch = imported("torch", "pip install torch")
    with translated(EncoderMissing, f"timm does not give {name}"):
        model = library.create_model(name, pretrained=True, num_classes=0).eval()
        # Each network of timm was trained with its own size, mean and crop: a common one would cost accuracy.
        config = library.data.resolve_model_data_config(model)
        prepared = library.data.create_transform(**config, is_training=False)

        def rows(pictures: list[Any]) -> np.ndarray:
            with torch.no_grad():
                return model(torch.stack([prepared(picture) for picture in pictures])).cpu().numpy()

        return TorchModel(f"timm:{name}", model, rows, probe("image"))


TIMM = Source("timm:NAME", prefixed("timm"), open_timm)
