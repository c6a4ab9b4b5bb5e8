"""What is asked of a picture's file beside its features; a damaged one has no answer, and makes no error."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

# Everywhere `Exception`: each of Pillow's decoders fails in ways of its own on a damaged file, as with
# struct.error on a JPEG's EXIF or RuntimeError on AVIF, and no list of them has been whole for long.


def upright_size(content: bytes) -> tuple[int, int] | None:
    """Return a picture's width and height in pixels as browsers show it; None of what is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return ImageOps.exif_transpose(image).size
    except Exception:  # noqa: BLE001
        return None


def format_of(content: bytes) -> str | None:
    """Return the name of a picture's format, by Pillow's names; None of what is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.format
    except Exception:  # noqa: BLE001
        return None


def small_jpeg(content: bytes, size: tuple[int, int]) -> bytes | None:
    """Return a picture as a JPEG that fits into `size`, width and height in pixels; None of no picture."""
    packed = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", size)
            # Turned here: the small one has no EXIF any more that would tell a browser to.
            small = ImageOps.exif_transpose(image).convert("RGB")
        small.thumbnail(size)
        small.save(packed, "JPEG", quality=80)
    except Exception:  # noqa: BLE001
        return None
    return packed.getvalue()
