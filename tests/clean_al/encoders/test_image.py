"""Pictures through the real weights: what they see, and rows for pictures that are hardly pictures."""

import io

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from clean_al import ImageEncoder, find_encoder
from clean_al.encoders import EncoderRefused
from tests.clean_al.encoders.real import image_weights, needs_image, text_weights

pytestmark = needs_image

PALACE, DAISY = load_sample_images().images


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder()


def file_of(pixels, kind="PNG", **options):
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def strange():
    """Pictures of every bad kind, and whether each must be a row of zeros."""
    from PIL import Image

    whole = file_of(DAISY, "JPEG")
    return [
        (None, True),
        (float("nan"), True),
        (b"", True),
        (b"no picture", True),
        (whole[: len(whole) // 2], True),
        (np.zeros((0, 4, 3), np.uint8), True),
        (np.zeros((4, 4, 4, 4), np.uint8), True),
        (np.full((1, 1, 3), 200, np.uint8), False),
        (file_of(np.full((1, 1), 200, np.uint8)), False),
        (np.zeros((2, 3000, 3), np.uint8), False),
        (Image.new("I;16", (5, 5), 40_000), False),
        (Image.new("RGBA", (5, 5)), False),
        (Image.new("P", (5, 5)), False),
        (Image.new("CMYK", (5, 5)), False),
    ]


def test_it_sees_a_palace_and_a_daisy(encoder):
    """The last layer of the same weights names ImageNet's classes: 698 is a palace, 985 a daisy."""
    from clean_al.encoders.tensor_file import read_tensors
    from clean_al.encoders.weights import read_weights

    tensors = read_tensors(read_weights(image_weights()))
    middle = PALACE[:, 106:533]
    rows = encoder.encode([middle, DAISY[:, 106:533]])
    logits = rows @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert logits.argmax(axis=1).tolist() == [698, 985]


def test_a_picture_is_like_itself_in_another_file_and_size(encoder):
    from PIL import Image

    rows = encoder.encode(
        [PALACE, DAISY, file_of(PALACE, "JPEG"), np.asarray(Image.fromarray(PALACE).resize((320, 213)))]
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows[0]
    assert alike[1] < 0.5
    assert alike[2] > 0.9
    assert alike[3] > 0.9


def test_a_file_a_path_and_an_array_of_the_same_pixels_are_one_row(encoder, tmp_path):
    from PIL import Image

    (tmp_path / "daisy.png").write_bytes(file_of(DAISY))
    rows = encoder.encode([DAISY, file_of(DAISY), tmp_path / "daisy.png", Image.fromarray(DAISY)])
    np.testing.assert_allclose(rows, rows[:1].repeat(4, axis=0), atol=1e-3)


def test_what_cannot_be_read_is_a_row_of_zeros_and_the_others_do_not_change(encoder):
    alone = encoder.encode([DAISY])[0]
    values, zero = zip(*strange(), strict=True)
    rows = encoder.encode([*values, DAISY])
    assert rows.shape == (len(values) + 1, encoder.dimension) == (len(values) + 1, 1280)
    assert np.isfinite(rows).all()
    assert tuple(not row.any() for row in rows[:-1]) == zero
    np.testing.assert_allclose(rows[-1], alone, atol=1e-3)


def test_a_row_does_not_depend_on_the_pictures_beside_it(encoder):
    pictures = [np.roll(PALACE, 20 * i, axis=1) for i in range(11)]
    together = encoder.encode(pictures)
    alone = np.vstack([encoder.encode([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_a_picture_is_turned_as_its_tag_says(encoder):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    turned = file_of(np.ascontiguousarray(np.rot90(DAISY)), exif=exif.tobytes())
    rows = encoder.encode([DAISY, turned])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-3)


def test_a_value_that_holds_no_picture_is_named_by_its_place(encoder):
    with pytest.raises(TypeError, match=r"values\[1\] must be the bytes of an image file, a Path,.* not str"):
        encoder.encode([DAISY, "https://example.com/daisy.jpg"])
    with pytest.raises(TypeError, match="values must be a list of images, not bytes"):
        encoder.encode(file_of(DAISY))


def test_a_missing_file_is_a_row_of_zeros(encoder, tmp_path):
    assert not encoder.encode([tmp_path / "none.png"]).any()


def test_the_weights_may_be_named_by_their_path(encoder):
    named = ImageEncoder(str(image_weights()))
    assert named.identity == encoder.identity
    np.testing.assert_allclose(named.encode([DAISY]), encoder.encode([DAISY]), atol=1e-4)


def test_a_model_of_texts_is_refused_as_one_of_pictures_and_the_other_way_round(tmp_path):
    reason = find_encoder("image", str(text_weights())).reason
    assert "model.onnx takes" in reason
    assert "not pictures" in reason


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_truncated_weights_are_refused_by_name(tmp_path, share):
    whole = image_weights().read_bytes()
    (tmp_path / "net.pth").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EncoderRefused, match=r"net\.pth holds no table of tensors"):
        ImageEncoder(str(tmp_path / "net.pth"))
