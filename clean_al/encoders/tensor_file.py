"""Tensors out of a torch file, without torch and without running what the file says.

Such a file is a program for a stack machine that may call any function. This one reads it instruction by
instruction (`pickletools` only takes them apart) and knows just those that tables of tensors are written
with: any other instruction, and any function but the ones that make a tensor, is refused.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import translated
from clean_al.encoders.weights import Weights

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES: dict[str, np.dtype] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
}
TABLE, TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"


@dataclass(frozen=True)
class Name:
    """A function or class that the file names; it is never looked up."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Numbers that stand further down in the file."""

    key: str
    dtype: np.dtype


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides in numbers, not in bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(weights: Weights) -> dict[str, np.ndarray]:
    """The tensors of a file that torch.save wrote before its zip format (torch 1.5 and older), by name.

    Raises
    ------
    EncoderRefused
        The file is none, is truncated, or holds anything but tensors.
    """
    stream = io.BytesIO(weights.data)
    with translated(EncoderRefused, f"{weights.name} holds no table of tensors"):
        if _said(stream) != MAGIC:
            raise ValueError("it was not written by torch.save, or in its newer format")
        _said(stream)  # the version of the format
        _said(stream)  # the machine that wrote it
        table = _said(stream)
        numbers = _numbers(stream, table, _said(stream))
        return {name: _view(tensor, numbers) for name, tensor in table.items()}


def _numbers(stream: io.BytesIO, table: dict[str, Tensor], keys: list[str]) -> dict[str, np.ndarray]:
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in table.values()}
    found = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        data = stream.read(count * dtypes[key].itemsize)
        # With the count, a truncated file is a ValueError and not a shorter tensor.
        found[key] = np.frombuffer(data, dtypes[key], count)
    return found


def _view(tensor: Tensor, numbers: dict[str, np.ndarray]) -> np.ndarray:
    whole = numbers[tensor.storage.key]
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    # as_strided believes anything: a stride too far reads other memory of the process.
    if min((*tensor.shape, *tensor.strides, tensor.offset), default=0) < 0 or last >= len(whole):
        raise ValueError("a tensor reaches beyond its numbers")
    # A stride of 0 passes the test above, and a few bytes would become an array of any size.
    if prod(tensor.shape) > len(whole):
        raise ValueError("a tensor repeats its numbers")
    steps = [stride * whole.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(whole[tensor.offset :], tensor.shape, steps, writeable=False)
    return np.ascontiguousarray(view)


@dataclass
class Machine:
    """The stack machine; its stack holds plain values, names and tensors."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memory: dict[int, Any] = field(default_factory=dict)

    def since_mark(self) -> list[Any]:
        """Takes what lies above the last mark."""
        start = self.marks.pop()
        found, self.stack[start:] = self.stack[start:], []
        return found

    def call(self) -> Any:
        """What one of the few functions known makes of its arguments."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if function == Name(TABLE) and arguments == ():
            return {}
        if function == Name(TENSOR):
            storage, offset, shape, strides = arguments[:4]
            if isinstance(storage, Storage):
                return Tensor(storage, offset, shape, strides)
        raise ValueError(f"it calls {getattr(function, 'name', function)}")

    def storage(self) -> Storage:
        """The numbers that a tensor refers to."""
        kind, dtype, key = self.stack.pop()[:3]
        if kind != "storage" or dtype.name not in DTYPES:
            raise ValueError(f"it refers to {kind}")
        return Storage(key, DTYPES[dtype.name])

    def fill(self, items: list[Any]) -> None:
        """Keys and values, in turn, into the table below them."""
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def top(self, count: int) -> tuple[Any, ...]:
        """Takes the last values."""
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        return found


PUSH: dict[str, Callable[[Machine, Any], Any]] = {
    **dict.fromkeys(
        ("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        lambda machine, value: value,
    ),
    "NONE": lambda machine, value: None,
    "NEWTRUE": lambda machine, value: True,
    "NEWFALSE": lambda machine, value: False,
    "EMPTY_DICT": lambda machine, value: {},
    "EMPTY_LIST": lambda machine, value: [],
    "EMPTY_TUPLE": lambda machine, value: (),
    "TUPLE": lambda machine, value: tuple(machine.since_mark()),
    "TUPLE1": lambda machine, value: machine.top(1),
    "TUPLE2": lambda machine, value: machine.top(2),
    "TUPLE3": lambda machine, value: machine.top(3),
    "GLOBAL": lambda machine, value: Name(value),
    "REDUCE": lambda machine, value: machine.call(),
    "BINPERSID": lambda machine, value: machine.storage(),
    "BINGET": lambda machine, value: machine.memory[value],
    "LONG_BINGET": lambda machine, value: machine.memory[value],
}
CHANGE: dict[str, Callable[[Machine, Any], Any]] = {
    "PROTO": lambda machine, value: None,
    "MARK": lambda machine, value: machine.marks.append(len(machine.stack)),
    "BINPUT": lambda machine, value: machine.memory.update({value: machine.stack[-1]}),
    "LONG_BINPUT": lambda machine, value: machine.memory.update({value: machine.stack[-1]}),
    "SETITEM": lambda machine, value: machine.fill(list(machine.top(2))),
    "SETITEMS": lambda machine, value: machine.fill(machine.since_mark()),
    "APPEND": lambda machine, value: machine.stack[-2].append(machine.stack.pop()),
    "APPENDS": lambda machine, value: (lambda items: machine.stack[-1].extend(items))(machine.since_mark()),
    # Attributes of the table: versions of its layers, which no tensor depends on.
    "BUILD": lambda machine, value: machine.stack.pop(),
    "STOP": lambda machine, value: None,
}


def _said(stream: io.BytesIO) -> Any:
    """The value that the next program in the stream leaves."""
    machine = Machine()
    for instruction, value, _ in pickletools.genops(stream):
        if instruction.name in PUSH:
            machine.stack.append(PUSH[instruction.name](machine, value))
        elif instruction.name in CHANGE:
            CHANGE[instruction.name](machine, value)
        else:
            raise ValueError(f"it uses the instruction {instruction.name}")
    (result,) = machine.stack
    return result
