"""What the sources that run on torch share; torch is the user's, and imported by their libraries only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BATCH = 16


class TorchModel:
    """A torch module behind a function from a batch of values to an array.

    Parameters
    ----------
    label : str
    module : torch.nn.Module
        Its weights are its identity.
    rows : callable (list) -> array of shape (n, dimension)
    sample : a value to learn the dimension from
    """

    def __init__(self, label: str, module: Any, rows: Callable[[list[Any]], np.ndarray], sample: Any):
        self._rows = rows
        # The weights themselves: a name on the hub can mean another revision tomorrow.
        self.identity = f"{label}@sha256:{_checksum(module)[:16]}"
        self.dimension = int(self.encode([sample]).shape[1])

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Rows of shape (n, dimension)."""
        parts = [self._rows(list(values[i : i + BATCH])) for i in range(0, len(values), BATCH)]
        return np.concatenate(parts).astype(np.float32, copy=False)


def _checksum(module: Any) -> str:
    whole = hashlib.sha256()
    # Sorted, as a library may lay its layers in another order; as float32, since numpy has no bfloat16.
    for name, tensor in sorted(module.state_dict().items()):
        whole.update(name.encode())
        whole.update(np.ascontiguousarray(tensor.cpu().float().numpy()).tobytes())
    return whole.hexdigest()
