"""Masks: Label Studio's packed brush strokes and PNG bitmasks, and runs of pixels row by row."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exporters.records import LARGEST_IMAGE, Mask

_RUN_SIZES = (3, 4, 8, 16)
_PNG_PREFIX = "data:image/png;base64,"


def mask_from_array(pixels: NDArray[np.bool_]) -> Mask | None:
    """Return the mask of an array of shape (height, width), cropped to what is set; None when nothing is."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not rows.size:
        return None
    top, left = int(rows[0]), int(columns[0])
    cut = pixels[top : rows[-1] + 1, left : columns[-1] + 1]
    return Mask(left, top, cut.shape[1], cut.shape[0], encode_runs(cut.ravel()))


def encode_runs(flat: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the lengths of alternating runs, the first one of False (0 when the array starts with True)."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    runs: list[int] = np.diff(bounds).tolist()
    return (0, *runs) if flat.size and flat[0] else tuple(runs)


def mask_pixels(mask: Mask) -> NDArray[np.bool_]:
    """Return the mask's own rectangle as an array of shape (height, width)."""
    values = np.arange(len(mask.runs)) % 2 == 1
    return np.repeat(values, mask.runs).reshape(mask.height, mask.width)


def mask_on_image(mask: Mask, width: int, height: int) -> NDArray[np.bool_]:
    """Return an array of shape (height, width) with the mask in its place; what lies outside is cut off."""
    image = np.zeros((height, width), bool)
    left, top = max(mask.left, 0), max(mask.top, 0)
    right, bottom = min(mask.left + mask.width, width), min(mask.top + mask.height, height)
    if left < right and top < bottom:
        part = mask_pixels(mask)[top - mask.top : bottom - mask.top, left - mask.left : right - mask.left]
        image[top:bottom, left:right] = part
    return image


def unpack_brush(packed: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """Return the pixels, shape (height, width), whose alpha a brush stroke set.

    The stroke is RGBA bytes in a bit stream: a 32 bit count, 5 bits of word size less one, four times 4 bits
    of run size less one; then runs, each one flag bit (repeated or literal), two bits that choose the run
    size, the length less one, and one word or as many as the run is long.

    Raises `ValueError` when the stream is cut short or is of another size than the image.
    """
    if width * height > LARGEST_IMAGE:
        raise ValueError("image too large")
    data = np.asarray(packed, np.uint8).tobytes()
    bits = _Bits(data)
    count = bits.take(32)
    if count != width * height * 4:
        raise ValueError("brush mask of another size than the image")
    word = bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    if word != 8:
        raise ValueError("brush mask is not of bytes")
    values = np.empty(count, np.uint8)
    at = 0
    while at < count:
        is_run, size = bits.take(1), sizes[bits.take(2)]
        end = at + bits.take(size) + 1
        if end > count:
            raise ValueError("brush mask runs past the image")
        values[at:end] = bits.take(8) if is_run else bits.take_bytes(end - at)
        at = end
    return values[3::4].reshape(height, width) > 0


class _Bits:
    """Reads big-endian bit fields."""

    def __init__(self, data: bytes):
        self.data, self.at, self.end = data, 0, len(data) * 8
        self._unpacked: NDArray[np.uint8] | None = None

    def take(self, size: int) -> int:
        first = self.at >> 3
        self.at += size
        if self.at > self.end:
            raise ValueError("brush mask is cut short")
        word = int.from_bytes(self.data[first : first + 5].ljust(5, b"\0"), "big")
        return word >> (40 - (self.at - size - first * 8) - size) & ((1 << size) - 1)

    def take_bytes(self, count: int) -> NDArray[np.uint8]:
        if self._unpacked is None:
            self._unpacked = np.unpackbits(np.frombuffer(self.data, np.uint8))
        start, self.at = self.at, self.at + count * 8
        if self.at > self.end:
            raise ValueError("brush mask is cut short")
        return np.packbits(self._unpacked[start : self.at])


def pack_brush(pixels: NDArray[np.bool_]) -> list[int]:
    """Return the bytes that Label Studio keeps for these pixels; the inverse of `unpack_brush`."""
    flat = np.asarray(pixels, bool).ravel()
    fields = [f"{flat.size * 4:032b}{7:05b}", *(f"{size - 1:04b}" for size in _RUN_SIZES)]
    runs, value = encode_runs(flat), 0
    for run in runs:
        fields.extend(_pack_run(run * 4, value))
        value = 255 - value
    text = "".join(fields)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big")) if text else []


def _pack_run(length: int, value: int) -> list[str]:
    fields = []
    while length:
        part = min(length, 1 << _RUN_SIZES[-1])
        index = next(i for i, size in enumerate(_RUN_SIZES) if part <= 1 << size)
        fields.append(f"1{index:02b}{part - 1:0{_RUN_SIZES[index]}b}{value:08b}")
        length -= part
    return fields


def read_bitmask(address: str) -> NDArray[np.bool_]:
    """Return the set pixels of a PNG in a data URL; `ValueError` says what is wrong with it."""
    if not address.startswith(_PNG_PREFIX):
        raise ValueError("bitmask is not a PNG data URL")
    try:
        from PIL import Image
    except ImportError:
        raise ValueError("bitmask: install pillow to read it") from None
    try:
        with Image.open(io.BytesIO(base64.b64decode(address[len(_PNG_PREFIX) :], validate=True))) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise ValueError("bitmask: image too large")
            bands = np.asarray(image.convert("RGBA"))
    except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("bitmask: PNG is damaged") from None
    # A mask is drawn either on a transparent ground, or white on black.
    if (bands[..., 3] < 255).any():
        return np.asarray(bands[..., 3] > 0)
    return np.asarray(bands[..., :3].any(axis=2))
