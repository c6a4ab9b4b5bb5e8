"""EfficientNet-Lite0 without its last layer, from its published weights to ONNX, in memory.

Tan & Le, EfficientNet, ICML 2019; its Lite variants (2020) have relu6 and no squeeze-and-excitation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.onnx_graph import Graph
from clean_al.encoders.tensor_file import read_tensors
from clean_al.encoders.weights import Weights

# How often, stride of the first, expansion; kernels and widths are those of the weights.
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
EPSILON = 1e-3

Tensors = Mapping[str, np.ndarray]


class Builder:
    """Lays the layers one behind the other; x is always the name of what the last one gave."""

    def __init__(self, tensors: Tensors):
        self._tensors = tensors
        self.graph = Graph()
        self._zero, self._six = (self.graph.constant(np.array(v, np.float32)) for v in (0, 6))

    def layer(self, x: str, convolution: str, norm: str, stride: int = 1, relu: bool = True) -> str:
        """A convolution with the normalization behind it folded in, and relu6."""
        kernel = self._tensors[f"{convolution}.weight"]
        gain = self._tensors[f"{norm}.weight"] / np.sqrt(self._tensors[f"{norm}.running_var"] + EPSILON)
        bias = self._tensors[f"{norm}.bias"] - self._tensors[f"{norm}.running_mean"] * gain
        size = kernel.shape[2:]
        y = self.graph.node(
            "Conv",
            x,
            self.graph.constant(kernel * gain[:, None, None, None]),
            self.graph.constant(bias),
            # The published weights were trained in TensorFlow, whose padding of a stride of 2 is uneven: more
            # below and right.
            auto_pad="SAME_UPPER",
            group=len(kernel) if "depthwise" in convolution else 1,
            kernel_shape=size,
            strides=(stride, stride),
        )
        return self.graph.node("Clip", y, self._zero, self._six) if relu else y

    def block(self, x: str, name: str, stride: int, expansion: int, residual: bool) -> str:
        """An inverted bottleneck: wider, depthwise, narrow again."""
        y = x if expansion == 1 else self.layer(x, f"{name}._expand_conv", f"{name}._bn0")
        y = self.layer(y, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        y = self.layer(y, f"{name}._project_conv", f"{name}._bn2", relu=False)
        return self.graph.node("Add", y, x) if residual else y


def efficientnet_lite0(weights: Weights) -> Weights:
    """The network as an ONNX model: pictures of shape (n, 3, side, side) to rows of shape (n, 1280).

    Raises
    ------
    EncoderRefused
        The file holds other tensors.
    """
    tensors = read_tensors(weights)
    try:
        data = _network(tensors)
    except (KeyError, ValueError, IndexError) as error:
        raise EncoderRefused(f"{weights.name} holds no EfficientNet-Lite0: {error}") from None
    return Weights(weights.name, data, weights.sha256)


def _network(tensors: Tensors) -> bytes:
    build = Builder(tensors)
    x = build.layer("pixels", "_conv_stem", "_bn0", stride=2)
    number = 0
    for repeats, first_stride, expansion in STAGES:
        for i in range(repeats):
            x = build.block(x, f"_blocks.{number}", first_stride if i == 0 else 1, expansion, residual=i > 0)
            number += 1
    x = build.layer(x, "_conv_head", "_bn1")
    x = build.graph.node("Flatten", build.graph.node("GlobalAveragePool", x), axis=1)
    return build.graph.model("pixels", ("n", 3, "height", "width"), x)
