"""What a pretrained encoder says of the tasks, beside the features that their own data give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self

import numpy as np

from backend.learning.encoders import Encoders
from backend.learning.vectorize import VECTORIZERS, Download, Features, InputSpec, State
from clean_al.encoders.block_length import best_share, errors_by_share
from clean_al.encoders.blocks import EncodedBlock

# Of one kind; a table of a hundred texts a task would be a hundred blocks.
MOST_PLACES = 4
# How long a block is, as a share of its usual length, until labels say otherwise. Networks for photographs
# meet drawings, scans and stamps.
EXPECTED = {"image": 0.5}

Told = tuple[np.ndarray, np.ndarray]
"""Rows of a pool that are labeled, and what their labels say, shape (n_labeled, n_targets)."""


@dataclass(frozen=True)
class Encoded:
    """Where an encoder reads, and which one.

    Attributes
    ----------
    kind : "text" or "image"
    identity : the encoder's, see `clean_al.encoders.Encoder`
    places : which of a reader's inputs it reads, in their order
    """

    kind: str
    identity: str
    places: tuple[int, ...]

    def rows_of(
        self,
        inputs: Sequence[InputSpec],
        data: Sequence[Mapping[str, Any]],
        download: Download,
        encoders: Encoders,
    ) -> np.ndarray | None:
        """Return rows of shape (n_tasks, n_places * dimension); zeros for what cannot be read.

        None where there is nothing to encode, or the encoder is not to be had or is another one by now.
        """
        parts = [
            VECTORIZERS[inputs[i].kind].read_to_encode(inputs[i].fields, data, download) for i in self.places
        ]
        if not any(any(values) for values in parts):
            return None
        # The very one that the model was fitted with: the columns of another one mean something else.
        encoder = encoders.of(self.kind, self.identity)
        if encoder is None:
            return None
        return np.hstack(
            [_means(encoder.encode(list(chain.from_iterable(values))), values) for values in parts]
        )


def places_of(kind: str, inputs: Sequence[InputSpec]) -> tuple[int, ...]:
    """Return which inputs an encoder of this kind reads."""
    found = (i for i, spec in enumerate(inputs) if kind == VECTORIZERS[spec.kind].ENCODED_AS)
    return tuple(found)[:MOST_PLACES]


def _means(rows: np.ndarray, values: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return one row a task, the mean of those of its values that could be read."""
    counts = [len(of_task) for of_task in values]
    if set(counts) == {1}:
        return rows
    task = np.repeat(np.arange(len(values)), counts)
    table = np.zeros((len(values), rows.shape[1]), dtype=np.float32)
    np.add.at(table, task, rows)
    read = np.bincount(task[rows.any(axis=1)], minlength=len(values))
    mean: np.ndarray = table / np.maximum(read, 1)[:, None].astype(np.float32)
    return mean


@dataclass(frozen=True)
class Beside:
    """Blocks of encoded columns that join a reader's own, scaled so that neither drowns the other.

    Attributes
    ----------
    encoded : Encoded
    blocks, near : EncodedBlock, one a place
        For the columns that are learned from, and for those in which distances are measured.
    """

    encoded: Encoded
    blocks: tuple[EncodedBlock, ...]
    near: tuple[EncodedBlock, ...]

    @classmethod
    def fitted(
        cls, encoded: Encoded, features: Features, rows: np.ndarray, told: Sequence[Told] = ()
    ) -> Self:
        """Return blocks that have learned centers and lengths from a pool's features and encoded rows.

        Parameters
        ----------
        told : what the labels say, question by question: how long the blocks are goes by them
        """
        n = len(encoded.places)
        # Several blocks together are as long as one.
        scale = EncodedBlock().scale / float(np.sqrt(n))
        parts = np.hsplit(rows, n)
        blocks = tuple(EncodedBlock(scale).fit(features.X, part) for part in parts)
        near = tuple(EncodedBlock(scale).fit(features.embedding, part) for part in parts)
        made = cls(encoded, blocks, near)
        errors = [made._errors(features.rows(labeled), rows[labeled], targets) for labeled, targets in told]
        return made._shortened(best_share(errors, EXPECTED.get(encoded.kind, 1.0)))

    def _errors(self, features: Features, rows: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
        parts = zip(self.blocks, np.hsplit(rows, len(self.blocks)), strict=True)
        return errors_by_share(
            features.X, np.hstack([block.transform(part) for block, part in parts]), targets
        )

    def _shortened(self, share: float) -> Self:
        for block in (*self.blocks, *self.near):
            block.factor_ *= share
        return self

    def join(self, features: Features, rows: np.ndarray | None) -> Features:
        """Return features with the blocks to their right; without rows the blocks are zeros."""
        if rows is None:
            width = sum(len(block.mean_) for block in self.blocks)
            rows = np.zeros((len(features), width), dtype=np.float32)
        X, embedding = features.X, features.embedding
        for block, near, part in zip(self.blocks, self.near, np.hsplit(rows, len(self.blocks)), strict=True):
            X, embedding = block.join(X, part), near.join(embedding, part)
        return replace(features, X=X, embedding=embedding)

    def state(self, name: str) -> State:
        """Return everything that `from_state` needs; arrays are named after `name`."""
        described = {
            "kind": self.encoded.kind,
            "identity": self.encoded.identity,
            "places": list(self.encoded.places),
            "factors": [[b.factor_, n.factor_] for b, n in zip(self.blocks, self.near, strict=True)],
        }
        return described, {f"{name}.mean{i}": block.mean_ for i, block in enumerate(self.blocks)}

    @classmethod
    def from_state(cls, described: Mapping[str, Any], name: str, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return what gave `described` and the arrays of this name."""
        places = tuple(map(int, described["places"]))
        encoded = Encoded(str(described["kind"]), str(described["identity"]), places)
        blocks, near = [], []
        for i, (factor, factor_near) in enumerate(described["factors"]):
            blocks.append(_block(arrays[f"{name}.mean{i}"], factor))
            near.append(_block(arrays[f"{name}.mean{i}"], factor_near))
        return cls(encoded, tuple(blocks), tuple(near))


def _block(mean: np.ndarray, factor: float) -> EncodedBlock:
    block = EncodedBlock()
    block.mean_, block.factor_ = mean, float(factor)
    return block
