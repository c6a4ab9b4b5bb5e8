"""A model of the user's own, in a file or a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clean_al.encoders.errors import EncoderMissing, EncoderRefused
from clean_al.encoders.model import Model, Source, translated
from clean_al.encoders.onnx_image import OnnxImageModel, Preparation
from clean_al.encoders.onnx_text import OnnxTextModel
from clean_al.encoders.sources.efficientnet import efficientnet_lite0_model
from clean_al.encoders.tokens import tokenizer_from
from clean_al.encoders.weights import read_json, read_weights

USUAL = ("model.onnx", "onnx/model.onnx")
# Positions that BERT-like models have: a longer text would be an index out of their table.
LONGEST = 512


def open_path(kind: str, name: str, threads: int) -> Model:
    """The model in a folder, or in one .onnx file with a tokenizer.json beside it."""
    path = Path(name).expanduser()
    if not path.exists():
        raise EncoderMissing(f"{name}: there is no such file or folder")
    return READERS[kind](path, threads)


def _text(path: Path, threads: int) -> Model:
    model = _onnx_file(path)
    folder = _folder_with(model, "tokenizer.json")
    settings = _settings(folder)
    tokens = read_weights(folder / "tokenizer.json")
    tokenizer = tokenizer_from(tokens, settings["max_length"], LONGEST)
    label = path.stem if path.is_file() else path.resolve().name
    return OnnxTextModel(label, read_weights(model), tokenizer, tokens.sha256, settings["pooling"], threads)


def _onnx_file(path: Path) -> Path:
    if path.is_file():
        return path
    # Exports often lie in several precisions side by side: the plain name is the one that is meant.
    for usual in USUAL:
        if (path / usual).is_file():
            return path / usual
    found = sorted([*path.glob("*.onnx"), *path.glob("onnx/*.onnx")])
    if len(found) == 1:
        return found[0]
    if found:
        raise EncoderRefused(f"{path} holds several models ({', '.join(f.name for f in found)}): name one")
    raise EncoderRefused(
        f"{path} holds no .onnx file: export the model to ONNX, or name it sentence-transformers:{path}"
    )


def _folder_with(model: Path, file: str) -> Path:
    for folder in (model.parent, model.parent.parent):
        if (folder / file).is_file():
            return folder
    raise EncoderMissing(f"{model} needs a {file} beside it: there is none")


def _settings(folder: Path) -> dict[str, Any]:
    """How sentence-transformers would run the model: what it cuts, and which token stands for the text."""
    lengths = _object(folder / "sentence_bert_config.json")
    pooling = _object(folder / "1_Pooling" / "config.json")
    chosen = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True]
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    if len(chosen) > 1 or not set(chosen) <= set(known):
        raise EncoderRefused(
            f"{folder / '1_Pooling' / 'config.json'}: {', '.join(chosen)} is not done here; use "
            f"sentence-transformers:{folder}"
        )
    longest = lengths.get("max_seq_length")
    if longest is not None and not (isinstance(longest, int) and longest > 2):
        raise EncoderRefused(
            f"{folder / 'sentence_bert_config.json'}: max_seq_length must be a count above 2"
        )
    return {
        "max_length": longest,
        "pooling": known[chosen[0]] if chosen else "mean",
    }


def _object(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict | None):
        raise EncoderRefused(f"{path} must hold an object, not {type(found).__name__}")
    return found or {}


def _image(path: Path, threads: int) -> Model:
    if path.suffix in (".pth", ".pt"):
        return efficientnet_lite0_model(read_weights(path), threads)
    model = _onnx_file(path)
    label = path.stem if path.is_file() else path.resolve().name
    return OnnxImageModel(label, read_weights(model), _preparation(model), threads)


def _preparation(model: Path) -> Preparation:
    """What the preprocessor_config.json of the transformers library says, where there is one."""
    for folder in (model.parent, model.parent.parent):
        said = _object(folder / "preprocessor_config.json")
        if said:
            with translated(EncoderRefused, f"{folder / 'preprocessor_config.json'} cannot be followed"):
                return _as_said(said)
    return Preparation()


def _as_said(said: dict[str, Any]) -> Preparation:
    size = said.get("crop_size") or said.get("size") or Preparation.side
    if isinstance(size, dict):
        size = size.get("shortest_edge") or size["height"]
    # Its mean and deviation are on the scale of 0 to 1 where pictures are rescaled; ours are on that of
    # pixels.
    scale = 255.0 if said.get("do_rescale", True) else 1.0
    mean, deviation = Preparation.mean, Preparation.deviation
    if said.get("do_normalize", True) and "image_mean" in said:
        mean, deviation = (tuple(float(v) * scale for v in said[key]) for key in ("image_mean", "image_std"))
    return Preparation(int(size), mean, deviation)


READERS: dict[str, Callable[[Path, int], Model]] = {"text": _text, "image": _image}

PATH = Source("PATH", lambda setting: setting, open_path)
