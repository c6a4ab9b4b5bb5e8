"""A picture is upright and small, and a damaged one is none, whatever its decoder makes of it."""

from __future__ import annotations

import io
import random
import warnings

import pytest
from PIL import Image

from backend.learning.pictures import format_of, small_jpeg, upright_size

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "SGI", "DDS", "ICO")
ON_ITS_SIDE = 6


def picture(kind: str = "JPEG", *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    packed = io.BytesIO()
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    image.save(packed, kind, **({"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}))
    return packed.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_on_its_side_is_as_large_as_browsers_show_it(kind: str) -> None:
    assert upright_size(picture(kind)) == (40, 30)
    assert upright_size(picture(kind, orientation=ON_ITS_SIDE)) == (30, 40)
    assert format_of(picture(kind)) == kind


def test_a_small_one_fits_into_the_place_and_is_upright() -> None:
    packed = small_jpeg(picture(orientation=ON_ITS_SIDE), (20, 20))
    assert packed is not None
    assert Image.open(io.BytesIO(packed)).size == (15, 20)


def test_one_whose_depth_no_decoder_knows_is_none() -> None:
    content = bytearray(picture("SGI"))
    content[3] = 3  # bytes of each channel
    with pytest.raises(ValueError, match="mode"):
        Image.open(io.BytesIO(content))
    assert (upright_size(content), format_of(content), small_jpeg(content, (20, 20))) == (None, None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_damage_of_any_kind_is_no_error(kind: str) -> None:
    whole, chance = picture(kind), random.Random(1)
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            content[chance.randrange(min(len(content), 300))] = chance.randrange(256)
        with warnings.catch_warnings():
            size = upright_size(bytes(content))
            packed = small_jpeg(bytes(content), (20, 20))
        assert size is None or min(size) > 0
        assert packed is None or format_of(packed) == "JPEG"


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"<svg/>"])
def test_what_is_no_picture_is_none(content: bytes) -> None:
    assert upright_size(content) is None
    assert small_jpeg(content, (20, 20)) is None
