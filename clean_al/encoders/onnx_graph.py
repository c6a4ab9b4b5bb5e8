"""Writes a network as an ONNX model: the few messages of the format that a convolutional net needs.

ONNX is protobuf: a message is a run of fields, each a key (number << 3 | wire type) and a value. The
numbers of the fields are those of onnx.proto3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Old enough for every onnxruntime in use; nothing newer is needed.
IR_VERSION, OPSET = 8, 13
FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | bytes | str) -> bytes:
    """One field: an int, or anything with a length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


class Graph:
    """A network under construction; names of values are given out in order."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._count = 0

    def constant(self, values: np.ndarray) -> str:
        """The name of an array of float32."""
        name = self._next("c")
        dims = b"".join(field(1, int(n)) for n in values.shape)
        data = np.ascontiguousarray(values, dtype="<f4").tobytes()
        self._constants.append(field(5, dims + field(2, FLOAT) + field(8, name) + field(9, data)))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """The name of the first value that an operator gives."""
        name = self._next("v")
        names = [name, *(self._next("v") for _ in range(outputs - 1))]
        links = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in names) + field(4, kind)
        given = b"".join(field(5, _attribute(key, value)) for key, value in attributes.items())
        self._nodes.append(field(1, links + given))
        return name

    def model(self, entry: str, entry_shape: tuple[int | str, ...], exit_name: str) -> bytes:
        """The whole, from the input `entry` to the value `exit_name`."""
        graph = b"".join(self._nodes) + field(2, "graph") + b"".join(self._constants)
        graph += field(11, _value(entry, entry_shape)) + field(12, _value(exit_name, None))
        return field(1, IR_VERSION) + field(7, graph) + field(8, field(1, "") + field(2, OPSET))

    def _next(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    return field(1, name) + b"".join(field(8, int(v)) for v in value) + field(20, 7)


def _value(name: str, shape: tuple[int | str, ...] | None) -> bytes:
    """An input or output of float32; an int is a fixed size, a str a free one."""
    tensor = field(1, FLOAT)
    if shape is not None:
        dims = [field(1, field(1, n) if isinstance(n, int) else field(2, n)) for n in shape]
        tensor += field(2, b"".join(dims))
    return field(1, name) + field(2, field(1, tensor))
