"""Sentence embeddings from an ONNX model: tokens, batches of like length, one pooled row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import identity_of
from clean_al.encoders.onnx_session import open_session, rows_depend_on_batch, run
from clean_al.encoders.weights import Weights

# Tokens of a batch, padding included: what bounds the memory, whatever the texts are.
TOKENS = 1024
TEXTS = 32
POOLING = ("mean", "cls")


@dataclass(frozen=True)
class Batch:
    """Texts of like length, padded.

    Attributes
    ----------
    rows : array of shape (n,), int
        Which texts of those given.
    ids, mask : arrays of shape (n, longest), int64
    """

    rows: np.ndarray
    ids: np.ndarray
    mask: np.ndarray


class OnnxTextModel:
    """A transformer as an ONNX file and its tokenizer; rows have unit length.

    Parameters
    ----------
    label : str
        The beginning of its identity.
    weights : Weights
    tokenizer : tokenizers.Tokenizer, already cutting long texts
    tokenizer_id : str
        What the identity says of the tokenizer: a checksum.
    pooling : {"mean", "cls"}
    threads : int

    Raises
    ------
    EncoderRefused
        The file is damaged, or takes no tokens.
    """

    def __init__(
        self, label: str, weights: Weights, tokenizer: Any, tokenizer_id: str, pooling: str, threads: int
    ):
        self._name, self._tokenizer, self._pooling = weights.name, tokenizer, pooling
        self._session = open_session(weights, threads)
        self._inputs = self._checked_inputs()
        # A quantized model that scales by the batch would give a text another row beside other texts.
        self._texts = 1 if rows_depend_on_batch(weights) else TEXTS
        # As for pictures: two at once show whether it takes a batch at all.
        self.dimension = int(self._batch_rows(next(self._batches(["a text"] * 2))).shape[1])
        cut = str(tokenizer.truncation["max_length"])
        # "text 1" is the version of our own steps: raise it when rows change though the weights do not.
        self.identity = identity_of(label, "text 1", weights.sha256, tokenizer_id, pooling, cut)

    def encode(self, values: Sequence[str]) -> np.ndarray:
        """Rows of shape (n, dimension); zeros for a text without a token."""
        table = np.zeros((len(values), self.dimension), dtype=np.float32)
        for batch in self._batches(values):
            table[batch.rows] = self._batch_rows(batch)
        return table

    def _checked_inputs(self) -> set[str]:
        names = {given.name for given in self._session.get_inputs()}
        if not {"input_ids", "attention_mask"} <= names <= {"input_ids", "attention_mask", "token_type_ids"}:
            raise EncoderRefused(
                f"{self._name} takes {', '.join(sorted(names)) or 'nothing'}, not input_ids and "
                "attention_mask: it is no model of texts"
            )
        return names

    def _batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """The texts by length, so that little is padding."""
        # One by one: the library's own threads would take every core, and do not survive a fork.
        ids = [self._ids(text) for text in texts]
        said = sorted((i for i, own in enumerate(ids) if len(own)), key=lambda i: len(ids[i]))
        start = 0
        while start < len(said):
            stop = start + 1
            while stop < len(said) and stop - start < self._texts:
                # In the order of length, the next text is the longest so far: all others would be padded to
                # it.
                if len(ids[said[stop]]) * (stop + 1 - start) > TOKENS:
                    break
                stop += 1
            yield _padded(np.array(said[start:stop]), [ids[i] for i in said[start:stop]])
            start = stop

    def _ids(self, text: str) -> np.ndarray:
        """The numbers of its tokens; none where it has no token of its own."""
        tokens = self._tokenizer.encode(text)
        # The object also holds all that was cut off: only the numbers are kept.
        ids = np.array(tokens.ids, dtype=np.int64)
        return ids if len(ids) > sum(tokens.special_tokens_mask) else ids[:0]

    def _batch_rows(self, batch: Batch) -> np.ndarray:
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
        # Some exports of BERT ask for them; a single text is segment 0 throughout.
        if "token_type_ids" in self._inputs:
            inputs["token_type_ids"] = np.zeros_like(batch.ids)
        found = np.asarray(run(self._session, self._name, inputs), dtype=np.float32)
        if found.ndim == 3 and found.shape[:2] == batch.ids.shape:
            found = self._pooled(found, batch.mask[:, :, None].astype(np.float32))
        if found.ndim != 2 or len(found) != len(batch.ids):
            raise EncoderRefused(
                f"{self._name} gives an array of shape {found.shape} for {len(batch.ids)} texts, not a row "
                "each: it is no model of sentences"
            )
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def _pooled(self, states: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self._pooling == "cls":
            return states[:, 0]
        mean: np.ndarray = (states * mask).sum(axis=1) / mask.sum(axis=1)
        return mean


def _padded(rows: np.ndarray, ids: list[np.ndarray]) -> Batch:
    table = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
    mask = np.zeros_like(table)
    for i, numbers in enumerate(ids):
        table[i, : len(numbers)] = numbers
        mask[i, : len(numbers)] = 1
    return Batch(rows, table, mask)
