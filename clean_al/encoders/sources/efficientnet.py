"""EfficientNet-Lite0, whose layers we lay: its published weights are made into ONNX as they are opened."""

from __future__ import annotations

from clean_al.encoders.efficientnet_lite import efficientnet_lite0
from clean_al.encoders.model import Model
from clean_al.encoders.onnx_image import OnnxImageModel, Preparation
from clean_al.encoders.weights import Weights

# As its authors set it.
PREPARATION = Preparation(224, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def efficientnet_lite0_model(weights: Weights, threads: int) -> Model:
    """The model in these weights."""
    return OnnxImageModel("efficientnet-lite0", efficientnet_lite0(weights), PREPARATION, threads)
