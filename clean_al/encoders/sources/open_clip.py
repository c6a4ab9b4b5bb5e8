"""open_clip, where the user has it: texts and pictures in one space."""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source, imported, prefixed, probe, translated
from clean_al.encoders.torch_model import TorchModel


def open_open_clip(kind: str, name: str, threads: int) -> Model:
    """The model NAME or NAME/WEIGHTS, such as ViT-B-32/laion2b_s34b_b79k."""
    library = imported("open_clip", "pip install open_clip_torch")
    torch = imported("torch", "pip install torch")
    architecture, _, weights = name.partition("/")
    with translated(EncoderMissing, f"open_clip does not give {name}"):
        model, _, prepared = library.create_model_and_transforms(architecture, pretrained=weights or None)
        tokens = library.get_tokenizer(architecture)
        # Without it dropout and batch statistics would make a row depend on chance and on the rows beside it.
        model.eval()

        def rows(values: list[Any]) -> np.ndarray:
            with torch.no_grad():
                if kind == "text":
                    found = model.encode_text(tokens(values))
                else:
                    found = model.encode_image(torch.stack([prepared(picture) for picture in values]))
                return (found / found.norm(dim=-1, keepdim=True)).cpu().numpy()

        return TorchModel(f"open_clip:{name}", model, rows, probe(kind))


OPEN_CLIP = Source("open_clip:NAME", prefixed("open_clip"), open_open_clip)
