"""Libraries that users bring themselves: what is asked of them, seen by modules that stand in for them.

The libraries fetch weights at first use, so that they cannot run in tests without a network.
"""

import importlib.metadata
import sys
import types
from contextlib import nullcontext

import numpy as np
import pytest

from clean_al import ImageEncoder, TextEncoder, find_encoder


class Tensor:
    def __init__(self, values):
        self.values = np.array(values)

    def cpu(self):
        return self

    float = cpu

    def numpy(self):
        return self.values


class SentenceTransformer:
    weights = 1.0

    def __init__(self, name, device):
        if name == "no/such":
            raise OSError("no/such is not\na model")
        self.name, self.device = name, device

    def state_dict(self):
        return {"layer": Tensor([self.weights])}

    def encode(self, texts, batch_size, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings
        assert not show_progress_bar
        assert len(texts) <= batch_size
        return np.array([[len(text), self.weights] for text in texts])


class TextEmbedding:
    def __init__(self, model_name, threads):
        if model_name == "no/such":
            raise ValueError(f"Model {model_name} is not supported")
        self.threads = threads

    def embed(self, texts, batch_size):
        assert batch_size == 1
        return (np.array([len(text), self.threads]) for text in texts)


@pytest.fixture
def libraries(monkeypatch):
    """Both libraries, as far as they are used."""
    sentence_transformers = types.ModuleType("sentence_transformers")
    sentence_transformers.SentenceTransformer = SentenceTransformer
    fastembed = types.ModuleType("fastembed")
    fastembed.TextEmbedding, fastembed.ImageEmbedding = TextEmbedding, None
    monkeypatch.setitem(sys.modules, "sentence_transformers", sentence_transformers)
    monkeypatch.setitem(sys.modules, "fastembed", fastembed)
    version = importlib.metadata.version
    monkeypatch.setattr(
        "clean_al.encoders.sources.fastembed.version",
        lambda name: "9.9" if name == "fastembed" else version(name),
    )


@pytest.mark.usefixtures("libraries")
def test_sentence_transformers_encodes_and_its_weights_are_the_identity(monkeypatch):
    encoder = TextEncoder("sentence-transformers:some/model")
    np.testing.assert_array_equal(encoder.encode(["abc", None, "de"]), [[3, 1], [0, 0], [2, 1]])
    assert encoder.identity == TextEncoder("sentence-transformers:some/model").identity
    monkeypatch.setattr(SentenceTransformer, "weights", 2.0)
    assert encoder.identity != TextEncoder("sentence-transformers:some/model").identity


@pytest.mark.usefixtures("libraries")
def test_more_texts_than_one_batch_keep_their_order():
    texts = ["x" * (i + 1) for i in range(50)]
    rows = TextEncoder("sentence-transformers:some/model").encode(texts)
    assert rows[:, 0].tolist() == list(range(1, 51))


@pytest.mark.usefixtures("libraries")
def test_fastembed_encodes_one_by_one_and_its_version_is_in_the_identity():
    encoder = TextEncoder("fastembed:some/model", threads=2)
    np.testing.assert_array_equal(encoder.encode(["abc", "", "de"]), [[3, 2], [0, 0], [2, 2]])
    assert encoder.identity.startswith("fastembed:some/model@sha256:")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("library", ["sentence-transformers", "fastembed"])
def test_a_model_that_the_library_does_not_have_is_named(library):
    reason = find_encoder("text", f"{library}:no/such").reason
    assert reason.startswith(f"{library} does not give no/such: ")
    assert "\n" not in reason


class Norm(Tensor):
    def norm(self, dim, keepdim):
        return np.linalg.norm(self.values, axis=dim, keepdims=keepdim)

    def __truediv__(self, other):
        return Tensor(self.values / other)


class Network:
    """Of timm and of open_clip: gives back what was prepared."""

    def eval(self):
        return self

    def state_dict(self):
        return {"layer": Tensor([1.0])}

    def __call__(self, pictures):
        return Tensor(pictures)

    encode_image = encode_text = staticmethod(Norm)


@pytest.fixture
def torch_libraries(monkeypatch):
    torch, timm, open_clip = (types.ModuleType(name) for name in ("torch", "timm", "open_clip"))
    torch.no_grad, torch.stack = nullcontext, np.stack
    asked = []

    def create_model(name, pretrained, num_classes):
        asked.append((name, pretrained, num_classes))
        return Network()

    def brightness(picture):
        return np.array([np.asarray(picture).mean(), 3.0])

    timm.create_model = create_model
    timm.data = types.SimpleNamespace(
        resolve_model_data_config=lambda model: {"input_size": (3, 8, 8)},
        create_transform=lambda input_size, is_training: brightness,
    )
    open_clip.create_model_and_transforms = lambda architecture, pretrained: (
        asked.append((architecture, pretrained)) or Network(),
        None,
        brightness,
    )
    open_clip.get_tokenizer = lambda architecture: lambda texts: np.array([[len(t), 0] for t in texts])
    for module in (torch, timm, open_clip):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return asked


GRAY = np.full((4, 4, 3), 4, np.uint8)


def test_timm_gives_the_layer_before_the_classes(torch_libraries):
    pytest.importorskip("PIL", reason="pillow reads the pictures")
    encoder = ImageEncoder("timm:resnet18")
    assert torch_libraries == [("resnet18", True, 0)]
    np.testing.assert_array_equal(encoder.encode([GRAY, None]), [[4, 3], [0, 0]])


def test_open_clip_puts_texts_and_pictures_in_one_space(torch_libraries):
    pytest.importorskip("PIL", reason="pillow reads the pictures")
    pictures, texts = ImageEncoder("open_clip:ViT-B-32/laion2b"), TextEncoder("open_clip:ViT-B-32")
    assert torch_libraries == [("ViT-B-32", "laion2b"), ("ViT-B-32", None)]
    np.testing.assert_allclose(pictures.encode([GRAY]), [[0.8, 0.6]])
    np.testing.assert_allclose(texts.encode(["abc", ""]), [[1, 0], [0, 0]])


@pytest.mark.parametrize("module", ["fastembed", "open_clip", "timm"])
def test_a_library_that_is_not_installed_is_named_with_its_command(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # as the import system marks what is not there
    kind = "text" if module != "timm" else "image"
    assert "pip install" in find_encoder(kind, f"{module}:some/model").reason
