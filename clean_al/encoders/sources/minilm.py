"""all-MiniLM-L6-v2, whose tokenizer we carry: any ONNX file of it will do."""

from __future__ import annotations

from clean_al.encoders.model import Model
from clean_al.encoders.onnx_text import OnnxTextModel
from clean_al.encoders.tokens import VOCABULARY, uncased_tokenizer
from clean_al.encoders.weights import Weights

# As its authors set it (sentence_bert_config.json).
MAX_LENGTH = 256


def minilm(label: str, weights: Weights, threads: int) -> Model:
    """The model in these weights."""
    return OnnxTextModel(label, weights, uncased_tokenizer(MAX_LENGTH), VOCABULARY, "mean", threads)
