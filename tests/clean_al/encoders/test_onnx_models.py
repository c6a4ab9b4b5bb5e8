"""Small models written by hand: other shapes, other outputs, and scales taken from the batch."""

import json
import re

import numpy as np
import pytest

from clean_al import ImageEncoder, find_encoder
from clean_al.encoders.onnx_graph import Graph
from tests.clean_al.encoders.real import needs_image

pytestmark = needs_image


def write(path, build, shape=("n", 3, 8, 8), entry="pixel_values"):
    graph = Graph()
    path.write_bytes(graph.model(entry, shape, build(graph, entry)))
    return str(path)


def means(graph, x):
    return graph.node("GlobalAveragePool", x)


def white(value, side=8):
    return np.full((side, side, 3), value, np.uint8)


def test_a_model_of_pictures_is_worked_by_hand(tmp_path):
    """The mean of red, green and blue, scaled as the folder says: (51 / 255 - 0.5) / 0.25 is -1.2."""
    write(tmp_path / "model.onnx", means)
    said = {"size": {"height": 8, "width": 8}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.5]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    rows = ImageEncoder(str(tmp_path)).encode([white(51), None, white(255)])
    np.testing.assert_allclose(rows, [[-1.2, -1.2, -0.6], [0, 0, 0], [2, 2, 1]], atol=1e-5)


def test_without_a_word_the_scale_is_imagenets(tmp_path):
    encoder = ImageEncoder(write(tmp_path / "net.onnx", means, ("n", 3, "h", "w")))
    np.testing.assert_allclose(
        encoder.encode([white(0)]), [[-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375]], rtol=1e-3
    )


def test_a_model_that_takes_its_scale_from_the_batch_sees_one_picture_at_a_time(tmp_path):
    def quantized(graph, x):
        pooled = graph.node("GlobalAveragePool", x)
        return graph.node("Cast", graph.node("DynamicQuantizeLinear", pooled, outputs=3), to=1)

    path = write(tmp_path / "net.onnx", quantized, ("n", 3, "h", "w"))
    encoder = ImageEncoder(path)
    together = encoder.encode([white(10), white(250), white(128)])
    alone = np.vstack([encoder.encode([white(value)]) for value in (10, 250, 128)])
    np.testing.assert_array_equal(together, alone)


def test_a_model_for_one_picture_only_gets_one_at_a_time(tmp_path):
    encoder = ImageEncoder(write(tmp_path / "net.onnx", means, (1, 3, "h", "w")))
    assert encoder.encode([white(1), white(2), white(3)]).shape == (3, 3)


@pytest.mark.parametrize(
    ("build", "shape", "said"),
    [
        (lambda graph, x: x, ("n", 4), "takes pixel_values .*, not pictures"),
        (
            lambda graph, x: graph.node("NoSuchOperator", x),
            ("n", 3, 8, 8),
            "is no ONNX model that onnxruntime runs",
        ),
        (
            lambda graph, x: graph.node("Flatten", x, axis=0),
            ("n", 3, "h", "w"),
            "not a row a picture",
        ),
        (means, (2, 3, 8, 8), "fails on its input"),
        (means, ("n", 1, 8, 8), "fails on its input"),
    ],
)
def test_a_model_of_another_kind_is_refused_by_name(tmp_path, build, shape, said):
    path = write(tmp_path / "net.onnx", build, shape)
    found = find_encoder("image", path)
    assert found.encoder is None
    assert path in found.reason
    assert re.search(said, found.reason)


@pytest.mark.parametrize(
    "said", ['{"size": "large"}', '{"image_mean": 3}', "[]", "{", '{"image_mean": [1, 2, 3]}']
)
def test_a_preprocessor_config_that_cannot_be_followed_is_named(tmp_path, said):
    write(tmp_path / "model.onnx", means)
    (tmp_path / "preprocessor_config.json").write_text(said)
    assert "preprocessor_config.json" in find_encoder("image", str(tmp_path)).reason
