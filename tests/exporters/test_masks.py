"""Masks: runs by hand, brush strokes packed and unpacked, outlines along the pixels."""

import base64
import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import exporters
from exporters.masks import (
    brush_mask,
    clipped,
    encode_runs,
    image_runs,
    mask_from_array,
    mask_on_image,
    mask_pixels,
    pack_brush,
    pack_runs,
    read_bitmask,
    unpack_brush,
)
from exporters.outlines import mask_outlines
from exporters.records import Mask
from tests.exporters.shared import need, real

pictures = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def test_runs_go_row_by_row_and_start_with_unset_pixels():
    assert encode_runs(np.array([0, 1, 1, 0, 0, 1], bool)) == (1, 2, 2, 1)
    assert encode_runs(np.array([1, 1, 1, 1], bool)) == (0, 4)
    assert encode_runs(np.array([1, 0], bool)) == (0, 1, 1)


def test_a_mask_is_cropped_to_its_pixels():
    image = np.zeros((6, 8), bool)
    image[2, 3] = image[3, 4] = image[2, 5] = True
    assert mask_from_array(image) == Mask(3, 2, 3, 2, (0, 1, 1, 1, 1, 1, 1))
    assert mask_from_array(np.zeros((3, 3), bool)) is None


@settings(deadline=None)
@given(pictures)
def test_mask_and_picture_tell_each_other(picture):
    mask = mask_from_array(picture)
    if mask is None:
        assert not picture.any()
        return
    assert sum(mask.runs) == mask.width * mask.height
    assert (mask_on_image(mask, picture.shape[1], picture.shape[0]) == picture).all()


@settings(deadline=None)
@given(pictures)
def test_brush_strokes_are_unpacked_as_they_were_packed(picture):
    packed = pack_brush(picture)
    assert all(0 <= byte < 256 for byte in packed)
    assert (unpack_brush(packed, picture.shape[1], picture.shape[0]) == picture).all()


def test_a_long_run_is_packed_in_parts():
    picture = np.ones((300, 300), bool)  # 360,000 bytes: more than one run of 65,536
    assert unpack_brush(pack_brush(picture), 300, 300).all()


def test_literal_runs_and_half_transparent_pixels_are_read():
    # One pixel, RGBA 1 2 3 16, as one literal run of four words.
    bits = f"{4:032b}{7:05b}" + f"{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "00" + f"{3:03b}"
    bits += "".join(f"{byte:08b}" for byte in (1, 2, 3, 16))
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert unpack_brush(packed, 1, 1).tolist() == [[True]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), max_size=60))
def test_damaged_strokes_are_refused_and_never_crash(packed):
    try:
        mask = unpack_brush(packed, 3, 2)
    except ValueError:
        return
    assert mask.shape == (2, 3)


def test_a_stroke_of_another_size_is_refused():
    with pytest.raises(ValueError, match="another size"):
        unpack_brush(pack_brush(np.ones((2, 3), bool)), 4, 4)
    with pytest.raises(ValueError, match="cut short"):
        unpack_brush(pack_brush(np.ones((20, 30), bool))[:-2], 30, 20)


def test_the_real_stroke_is_read():
    (path,) = need(real("label_studio", "lsf_image_tools_annotations_1.json"))
    results = json.loads(path.read_text())["annotations"][0]["result"]
    stroke = next(item for item in results if item["type"] == "brush")
    width, height = stroke["original_width"], stroke["original_height"]
    pixels = unpack_brush(stroke["value"]["rle"], width, height)
    assert pixels.shape == (2802, 2242)
    share = pixels.mean()
    assert 0.001 < share < 0.5
    assert (unpack_brush(pack_brush(pixels), width, height) == pixels).all()


def test_a_bitmask_is_read_whether_transparent_or_black():
    Image = pytest.importorskip("PIL.Image", reason="bitmasks need pillow")
    wanted = np.array([[1, 0, 0], [0, 1, 1]], bool)
    clear = np.zeros((2, 3, 4), np.uint8)
    clear[wanted] = (255, 0, 0, 255)
    black = np.where(wanted, 255, 0).astype(np.uint8)
    for pixels in (clear, black):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
        assert (read_bitmask(address) == wanted).all()
    for bad in ("http://x/y.png", "data:image/png;base64,####", "data:image/png;base64,AAAA"):
        with pytest.raises(ValueError, match="bitmask"):
            read_bitmask(bad)


def test_the_outline_of_a_square_has_four_corners():
    outlines, holes = mask_outlines(mask_from_array(np.pad(np.ones((2, 3), bool), 1)))
    assert outlines == [((1, 1), (4, 1), (4, 3), (1, 3))]
    assert holes == 0


def test_a_ring_is_one_outline_with_a_hole():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    outlines, holes = mask_outlines(mask_from_array(ring))
    assert len(outlines) == 1
    assert holes == 1


def _filled(outlines, shape):
    """Fill outlines by counting, for each pixel's center, the upright edges to its left."""
    image = np.zeros(shape, int)
    for outline in outlines:
        for (x0, y0), (x1, y1) in zip(outline, (*outline[1:], outline[0]), strict=True):
            if x0 == x1:
                low, high = sorted((int(y0), int(y1)))
                image[low:high, int(x0) :] += 1 if y1 < y0 else -1
    return image != 0


@settings(deadline=None)
@given(pictures)
def test_outlines_hold_the_pixels_and_their_holes_only(picture):
    mask = mask_from_array(picture)
    if mask is None:
        return
    outlines, holes = mask_outlines(mask)
    filled = _filled(outlines, picture.shape)
    assert (filled | picture).sum() == filled.sum()
    if not holes:
        assert (filled == picture).all()


def test_a_mask_half_outside_is_cut():
    mask = Mask(-1, 0, 3, 1, (0, 3))
    assert mask_on_image(mask, 4, 1).tolist() == [[True, True, False, False]]
    assert mask_pixels(mask).all()


bits = st.lists(st.booleans(), min_size=1, max_size=24)


@settings(max_examples=300, deadline=None)
@given(bits, st.integers(1, 6), st.integers(-4, 8), st.integers(-4, 8), st.integers(1, 9), st.integers(1, 9))
def test_runs_of_a_picture_say_what_its_pixels_say(cells, across, left, top, width, height):
    down = -(-len(cells) // across)
    pixels = np.resize(np.array(cells + [False] * (across * down - len(cells))), (down, across))
    mask = Mask(left, top, across, down, encode_runs(pixels.ravel()))
    picture = mask_on_image(mask, width, height)
    runs = image_runs(mask, width, height)
    assert runs.sum() == width * height
    assert (np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(height, width) == picture).all()
    assert clipped(mask, width, height) == mask_from_array(picture)
    assert brush_mask(pack_runs(runs.tolist(), width * height), width, height) == mask_from_array(picture)


def test_a_small_mask_on_a_picture_that_claims_any_size_takes_no_memory():
    """268 million pixels are a gigabyte as RGBA; the stroke on them is a few thousand bytes."""
    mask = Mask(7, 5, 2, 2, (0, 4))
    for width, height in ((1 << 27, 2), (2, 1 << 27), (1 << 14, 1 << 14), (40_000, 6_000)):
        placed = mask._replace(left=min(7, width - 2), top=min(5, height - 2))
        tracemalloc.start()
        packed = pack_runs(image_runs(placed, width, height).tolist(), width * height)
        assert brush_mask(packed, width, height) == placed
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000


@pytest.mark.parametrize("claimed", [(80_000, 80_000), (200_000, 2_000), (1 << 31, 1)])
def test_a_picture_beyond_all_pictures_loses_its_mask_and_is_counted(tmp_path, claimed):
    (tmp_path / "in.xml").write_text(
        f'<annotations><image id="0" name="a.png" width="{claimed[0]}" height="{claimed[1]}">'
        '<mask label="x" rle="0, 4" left="0" top="0" width="2" height="2" z_order="0"/></image></annotations>'
    )
    report = exporters.convert(tmp_path / "in.xml", tmp_path / "out.json")
    assert report.dropped
    assert not report.carried
    assert exporters.convert(tmp_path / "in.xml", tmp_path / "out.jsonl").changed


def test_a_mask_that_claims_more_pixels_than_there_are_is_counted(tmp_path):
    (tmp_path / "in.xml").write_text(
        '<annotations><image id="0" name="a.png" width="9" height="9"><mask label="x" rle="0, 1000000000" '
        'left="0" top="0" width="1000000000" height="1" z_order="0"/></image></annotations>'
    )
    report = exporters.convert(tmp_path / "in.xml", tmp_path / "out.json")
    assert report.dropped == {("mask", "is empty, or larger than 268,435,456 pixels"): 1}


def test_a_mask_of_many_specks_is_outlined_in_time_in_proportion():
    """Twenty thousand parts: the next one was looked for among all edges, each time."""
    picture = np.zeros((400, 400), bool)
    picture[::2, ::2] = True
    outlines, holes = mask_outlines(mask_from_array(picture))
    assert (len(outlines), holes) == (40_000, 0)
