"""Rows of pictures from an ONNX model of convolutions or patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import identity_of, probe
from clean_al.encoders.onnx_session import open_session, rows_depend_on_batch, run
from clean_al.encoders.weights import Weights

PICTURES = 8


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes numbers.

    Attributes
    ----------
    side : int
        Pixels of the square that it is brought to.
    mean, deviation : tuple of float
        Of red, green and blue, on the scale of 0 to 255.
    """

    side: int = 224
    # What networks trained on ImageNet expect, where nothing is said.
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    deviation: tuple[float, ...] = (58.395, 57.12, 57.375)

    def __call__(self, picture: Any) -> np.ndarray:
        """Shape (3, side, side), float32."""
        pixels = np.asarray(picture.resize((self.side, self.side), resample=3), dtype=np.float32)  # bicubic
        scaled = (pixels - np.array(self.mean, np.float32)) / np.array(self.deviation, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


class OnnxImageModel:
    """A network for pictures as an ONNX file; rows are what its last layer before the classes gives.

    Parameters
    ----------
    label : str
        The beginning of its identity.
    weights : Weights
    preparation : Preparation
    threads : int

    Raises
    ------
    EncoderRefused
        The file is damaged, or takes no pictures.
    """

    def __init__(self, label: str, weights: Weights, preparation: Preparation, threads: int):
        self._name, self._prepare = weights.name, preparation
        self._session = open_session(weights, threads)
        taken = self._session.get_inputs()
        if len(taken) != 1 or len(taken[0].shape) != 4 or taken[0].type != "tensor(float)":
            said = ", ".join(f"{given.name} {given.shape}" for given in taken)
            raise EncoderRefused(f"{self._name} takes {said}, not pictures of shape (n, 3, height, width)")
        fixed = isinstance(taken[0].shape[0], int) or rows_depend_on_batch(weights)
        self._pictures = 1 if fixed else PICTURES
        self._input = taken[0].name
        # Two, so that a model which cannot take a batch fails here and not in the middle of a pool.
        self.dimension = int(self.encode([probe("image")] * 2).shape[1])
        # "image 1" is the version of our own preparation: raise it when rows change though the weights do
        # not.
        self.identity = identity_of(label, "image 1", weights.sha256, repr(preparation))

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Rows of shape (n, dimension)."""
        parts = [
            self._batch_rows(np.stack([self._prepare(picture) for picture in values[i : i + self._pictures]]))
            for i in range(0, len(values), self._pictures)
        ]
        return np.concatenate(parts)

    def _batch_rows(self, pixels: np.ndarray) -> np.ndarray:
        found = np.asarray(run(self._session, self._name, {self._input: pixels}), dtype=np.float32)
        if found.ndim == 4:
            found = found.mean(axis=(2, 3))
        if found.ndim == 3:  # patches, and before them the one that stands for all
            found = found[:, 0]
        if found.ndim != 2 or len(found) != len(pixels):
            raise EncoderRefused(f"{self._name} gives an array of shape {found.shape}, not a row a picture")
        return found
