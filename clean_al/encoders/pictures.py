"""Pictures as RGB, whatever file or array they come in, as a browser shows them."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any

import numpy as np

from clean_al.encoders.model import imported

# A small file can unpack to gigabytes; width and height stand in its head and are looked at first.
MAX_PIXELS = 50_000_000
# No encoder here looks at more; pictures waiting for their turn stay small.
LONGEST_SIDE = 512

Bytes = bytes | bytearray | memoryview


def picture_types() -> str:
    """What a picture may come as, for messages."""
    return "the bytes of an image file, a Path, a PIL image, an array of uint8, or None"


def read_picture(value: Any) -> Any | None:
    """An RGB picture (PIL) of at most 512 pixels a side, or None where it cannot be read.

    Raises
    ------
    TypeError
        The value is nothing that holds a picture.
    """
    images = imported("PIL.Image")
    if not isinstance(value, Bytes | os.PathLike | np.ndarray | images.Image):
        raise TypeError(picture_types())
    # Any decoder may fail in its own way on a damaged file.
    with suppress(Exception):
        image = _opened(value, images)
        if not 0 < image.width * image.height <= MAX_PIXELS:
            return None
        # JPEG can be decoded at a fraction of its size.
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        shown = _on_white(imported("PIL.ImageOps").exif_transpose(image), images)
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=2.0)
        return shown
    return None


def _opened(value: Any, images: Any) -> Any:
    if isinstance(value, images.Image):
        return value.copy()
    if isinstance(value, np.ndarray):
        return images.fromarray(value[:, :, 0] if value.ndim == 3 and value.shape[2] == 1 else value)
    return images.open(value if isinstance(value, os.PathLike) else io.BytesIO(value))


def _on_white(image: Any, images: Any) -> Any:
    if image.mode.startswith(("I", "F")):  # 16 bits and more: no fixed range, so its own
        pixels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        spread = float(np.ptp(pixels)) or 1.0
        return images.fromarray((255 * (pixels - pixels.min()) / spread).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        # As a browser page shows it; plain convert("RGB") would show the color hidden under full
        # transparency.
        return images.alpha_composite(images.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
