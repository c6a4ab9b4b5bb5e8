"""Masks: Label Studio's packed brush strokes and PNG bitmasks, and runs of pixels row by row."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from exporters.records import LARGEST_IMAGE, Mask

# A checkerboard of 2,000 by 4,000 pixels; no drawn mask has as many.
MOST_RUNS = 1 << 22
LARGEST_BITMASK = 1 << 26
Runs = NDArray[np.int64]
# As Label Studio's own encoder has them; a decoder reads any.
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
    if not flat.size:
        return ()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    runs: list[int] = np.diff(bounds).tolist()
    return (0, *runs) if flat[0] else tuple(runs)


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


def image_runs(mask: Mask, width: int, height: int) -> Runs:
    """Return the mask as runs of the whole picture, row by row, the first one of unset pixels.

    What lies outside is cut off. Takes memory in proportion to the runs, whatever size a picture claims;
    `ValueError` when it is more than can be written.
    """
    if width * height > LARGEST_IMAGE:
        raise ValueError(f"on a picture of more than {LARGEST_IMAGE:,} pixels")
    # By runs and not by pixels: a picture that claims 100,000 x 100,000 would need 10 GB.
    starts, ends = _set_parts(np.asarray(mask.runs, np.int64))
    # A mask as wide as the picture only moves down: its runs go on over the ends of rows.
    if mask.left or mask.width != width:
        starts, ends = _by_rows(starts, ends, mask.width)
        rows = starts // mask.width
        shift = mask.left - rows * mask.width
        first, last = np.clip(starts + shift, 0, width), np.clip(ends + shift, 0, width)
        rows = rows + mask.top
        kept = (first < last) & (rows >= 0) & (rows < height)
        starts, ends = (rows * width + first)[kept], (rows * width + last)[kept]
    else:
        starts, ends = (np.clip(bound + mask.top * width, 0, width * height) for bound in (starts, ends))
        kept = starts < ends
        starts, ends = starts[kept], ends[kept]
    return _runs(starts, ends, width * height)


def mask_from_runs(runs: Runs, width: int) -> Mask | None:
    """Return the mask that these runs of a whole picture set, cropped to it; None when they set nothing."""
    starts, ends = _set_parts(runs)
    if not starts.size:
        return None
    top, bottom = int(starts[0]) // width, int(ends[-1] - 1) // width
    rows = starts // width
    left, right = 0, width
    if ((ends - 1) // width == rows).all():  # else one goes around an edge, and all columns are touched
        left, right = int((starts % width).min()), int(((ends - 1) % width).max()) + 1
    if right - left < width:
        shift = rows * width + left
        starts, ends = ((bound - shift) + (rows - top) * (right - left) for bound in (starts, ends))
    else:
        starts, ends = starts - top * width, ends - top * width
    size = (right - left) * (bottom - top + 1)
    return Mask(left, top, right - left, bottom - top + 1, tuple(_runs(starts, ends, size).tolist()))


def clipped(mask: Mask, width: int, height: int) -> Mask | None:
    """Return the part of the mask that lies in a picture of this size; None when there is none."""
    return mask_from_runs(image_runs(mask, width, height), width)


def _set_parts(runs: Runs) -> tuple[Runs, Runs]:
    """Return where the runs of set pixels start and end."""
    bounds = np.cumsum(runs)
    starts, ends = bounds[0:-1:2], bounds[1::2]
    kept = starts < ends
    return starts[kept], ends[kept]


def _by_rows(starts: Runs, ends: Runs, width: int) -> tuple[Runs, Runs]:
    """Return the parts cut where a row of this width ends."""
    first = starts // width
    counts = (ends - 1) // width - first + 1
    total = int(counts.sum())
    if total > MOST_RUNS:
        raise ValueError(f"a mask of more than {MOST_RUNS:,} runs")
    home = np.repeat(np.arange(starts.size), counts)
    row = first[home] + np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.maximum(starts[home], row * width), np.minimum(ends[home], (row + 1) * width)


def _runs(starts: Runs, ends: Runs, size: int) -> Runs:
    """Return alternating runs, the first one unset; parts that touch become one."""
    apart = starts[1:] > ends[:-1]
    starts = starts[np.concatenate(([True], apart))] if starts.size else starts
    ends = ends[np.concatenate((apart, [True]))] if ends.size else ends
    bounds = np.column_stack((starts, ends)).ravel()
    runs = np.diff(np.concatenate(([0], bounds, [size])))
    return runs[:-1] if runs[-1] == 0 and runs.size > 1 else runs


def brush_mask(packed: Sequence[int], width: int, height: int) -> Mask | None:
    """Return the mask of a brush stroke, in memory in proportion to the stroke; None when it is empty.

    Raises `ValueError` as `unpack_brush` does.
    """
    return mask_from_runs(_unpacked(packed, width, height), width)


def unpack_brush(packed: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """Return the pixels, shape (height, width), whose alpha a brush stroke set.

    Raises `ValueError` when the stream is cut short or is of another size than the image.
    """
    runs = _unpacked(packed, width, height)
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(height, width)


def _unpacked(packed: Sequence[int], width: int, height: int) -> Runs:
    """Return the runs of pixels whose alpha a brush stroke set, the first one unset.

    The stroke is RGBA bytes in a bit stream: a 32 bit count, 5 bits of word size less one, four times 4 bits
    of run size less one; then runs, each one flag bit (repeated or literal), two bits that choose the run
    size, the length less one, and one word or as many as the run is long.

    """
    if width * height > LARGEST_IMAGE:
        raise ValueError("image too large")
    bits = _Bits(np.asarray(packed, np.uint8).tobytes())
    count = bits.take(32)
    if count != width * height * 4:
        raise ValueError("brush mask of another size than the image")
    word = bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    if word != 8:
        raise ValueError("brush mask is not of bytes")
    runs = _Alternating()
    at = 0
    while at < count:
        is_run, size = bits.take(1), sizes[bits.take(2)]
        end = at + bits.take(size) + 1
        if end > count:
            raise ValueError("brush mask runs past the image")
        if is_run:
            # Of the four bytes of a pixel only alpha, the last one, tells: a run holds so many of them.
            runs.add(bits.take(8) > 0, end // 4 - at // 4)
        else:
            alpha = bits.take_bytes(end - at)[(3 - at) % 4 :: 4] > 0
            for i, length in enumerate(encode_runs(alpha)):
                runs.add(i % 2 == 1, length)
        at = end
    return np.asarray(runs.lengths, np.int64)


class _Alternating:
    """Run lengths that grow at their end, the first one of False."""

    def __init__(self) -> None:
        self.lengths = [0]

    def add(self, value: bool, length: int) -> None:
        if (len(self.lengths) % 2 == 0) == value:
            self.lengths[-1] += length
        elif length:
            self.lengths.append(length)


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
        # Five bytes hold any field of up to 32 bits, wherever in a byte it begins.
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
    return pack_runs(encode_runs(flat), flat.size)


def pack_runs(runs: Iterable[int], size: int) -> list[int]:
    """Return the bytes that Label Studio keeps for alternating runs over so many pixels."""
    packed = bytearray()
    held, width = 0, 0
    for code, bits in _codes(runs, size):
        held, width = held << bits | code, width + bits
        # Written out now and then: shifting one integer of millions of bits for each field would be
        # quadratic.
        if width >= 4096:
            rest = width % 8
            packed += (held >> rest).to_bytes(width // 8, "big")
            held, width = held & ((1 << rest) - 1), rest
    padding = -width % 8
    packed += (held << padding).to_bytes((width + padding) // 8, "big")
    return list(packed)


def _codes(runs: Iterable[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield (value, how many bits) of each field: the head, then the repeats of one byte."""
    yield size * 4, 32
    yield 7, 5
    for bits in _RUN_SIZES:
        yield bits - 1, 4
    value = 0
    for run in runs:
        length = run * 4
        while length:
            part = min(length, 1 << _RUN_SIZES[-1])
            index = next(i for i, bits in enumerate(_RUN_SIZES) if part <= 1 << bits)
            bits = _RUN_SIZES[index]
            yield ((1 << 2 | index) << bits | part - 1) << 8 | value, bits + 11
            length -= part
        value = 255 - value


def read_bitmask(address: str) -> NDArray[np.bool_]:
    """Return the set pixels of a PNG in a data URL; `ValueError` says what is wrong with it."""
    if not address.startswith(_PNG_PREFIX):
        raise ValueError("bitmask is not a PNG data URL")
    try:
        from PIL import Image
    except ImportError:
        raise ValueError("bitmask: install pillow to read it") from None
    try:
        content = base64.b64decode(address[len(_PNG_PREFIX) :], validate=True)
        # Of what the address says alone: other decoders fail in ways of their own on a damaged file.
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.width * image.height > LARGEST_BITMASK:
                raise ValueError("bitmask: image too large")
            bands = np.asarray(image.convert("RGBA"))
    except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("bitmask: PNG is damaged") from None
    # A mask is drawn either on a transparent ground, or white on black.
    if (bands[..., 3] < 255).any():
        return np.asarray(bands[..., 3] > 0)
    return np.asarray(bands[..., :3].any(axis=2))
