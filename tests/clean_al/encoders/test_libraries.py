"""Libraries that users bring themselves: what is asked of them, seen by modules that stand in for them.

The libraries fetch weights at first use, so that they cannot run in tests without a network.
"""

import importlib.metadata
import sys
import types

import numpy as np
import pytest

from clean_al import TextEncoder, find_encoder


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


@pytest.mark.parametrize("module", ["fastembed", "open_clip", "timm"])
def test_a_library_that_is_not_installed_is_named_with_its_command(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # as the import system marks what is not there
    kind = "text" if module != "timm" else "image"
    assert "pip install" in find_encoder(kind, f"{module}:some/model").reason
