"""Which parts of a task's data are learned from, and the reader that turns them into features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse

from backend.errors import LabelingConfigError
from backend.learning.beside import Beside
from backend.learning.encoders import Encoders
from backend.learning.vectorize import (
    VECTORIZERS,
    Download,
    Features,
    Gaps,
    InputSpec,
    ObjectTag,
    Standing,
    State,
    Vectorizer,
)
from backend.learning.vectorize.numbers import as_numbers

MAX_IMAGE_BYTES = 32 * 2**20
EMBEDDING_FIELD = "embedding"
# A mean over a sample: transforming the whole pool a second time would double the first round.
SCALE_SAMPLE = 2000

# What a reader reads of some tasks: for each of its inputs, a value a task.
Values = list[list[Any]]


def choose_inputs(
    shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str] = ()
) -> tuple[InputSpec, ...]:
    """Return what to read of each task, seeing a sample of task data; see VECTORIZERS for the precedence.

    Parameters
    ----------
    shown : what annotators see, in the config's order
    named : the fields that the project asks for

    Raises
    ------
    LabelingConfigError
        When the tasks have nothing that can be read.
    """
    found = [
        (kind.STANDING, InputSpec(name, fields))
        for name, kind in VECTORIZERS.items()
        for fields in kind.fields_in(shown, sample, named)
    ]
    for standing in (Standing.ALONE, Standing.BESIDE, Standing.LAST):
        # Each once: two objects may show one field.
        specs = tuple(dict.fromkeys(spec for where, spec in found if where is standing))
        if specs:
            return specs if standing is Standing.BESIDE else specs[:1]
    raise LabelingConfigError(_nothing_to_read(shown, sample))


def try_inputs(
    shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str], download: Download
) -> tuple[tuple[InputSpec, ...], Features]:
    """Return what is read of a project and the features of a sample; errors are those of `choose_inputs`."""
    inputs = choose_inputs(shown, sample, named)
    while True:
        values = read_values(inputs, sample, download)
        features = Reader.fitted(inputs, values, seed=0).transform(values)
        spare = with_spare(inputs, shown, sample)
        # Spare numbers come in once; that they bring nothing either is for the caller to say.
        if features.readable.any() or spare == inputs:
            return inputs, features
        inputs = spare


def with_spare(
    inputs: tuple[InputSpec, ...], shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]]
) -> tuple[InputSpec, ...]:
    """Return the inputs and what comes last, for tasks of which the inputs turn out to say nothing."""
    last = (
        InputSpec(name, fields)
        for name, kind in VECTORIZERS.items()
        if kind.STANDING is Standing.LAST
        for fields in kind.fields_in(shown, sample, ())
    )
    return tuple(dict.fromkeys((*inputs, *last)))


def _nothing_to_read(shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]]) -> str:
    tags = (
        ", ".join(dict.fromkeys(f"<{o.tag}>" for o in shown))
        or "this config, which shows no field of the data"
    )
    ids = sorted({k for data in sample for k, v in data.items() if as_numbers(v) is not None})
    left_out = (
        f" ({', '.join(ids)}: taken for ids; the option `features` reads them all the same)" if ids else ""
    )
    return (
        f"task data: nothing to learn from on {tags}{left_out}; add a vector named "
        f"`{EMBEDDING_FIELD}` or numeric fields to the task data, or use <Text> or <Image>"
    )


@dataclass(frozen=True)
class Reader:
    """Reads tasks and gives their features: a fitted vectorizer an input, their features side by side.

    Attributes
    ----------
    inputs, vectorizers : one of each an input
    scales : tuple of float
        What each input's features are multiplied with, so that none drowns the others.
    beside : tuple of Beside
        What pretrained encoders say of the tasks, to the right of all that.
    sketches_first : bool
        Whether the sketches of several texts stand to the left of all else, as those of one do. Readers that
        were stored before this was so have their inputs one beside the other.
    """

    inputs: tuple[InputSpec, ...]
    vectorizers: tuple[Vectorizer, ...]
    scales: tuple[float, ...]
    beside: tuple[Beside, ...] = ()
    sketches_first: bool = True

    @classmethod
    def fitted(cls, inputs: tuple[InputSpec, ...], values: Values, seed: int) -> Self:
        """Return a reader that has learned scales and vocabularies from the values of a pool."""
        made = [VECTORIZERS[spec.kind](seed).fit(column) for spec, column in zip(inputs, values, strict=True)]
        # One block alone drowns nobody, and its scale is the vectorizer's own.
        if len(made) < 2:
            return cls(inputs, tuple(made), (1.0,) * len(made))
        columns = zip(made, values, strict=True)
        return cls(inputs, tuple(made), _even([v.transform(column[:SCALE_SAMPLE]) for v, column in columns]))

    @property
    def n_sketch(self) -> int:
        """How many of the first features are the texts' sketches; none where not all inputs are texts."""
        # The learner shortens the first columns: beside a picture they are not the sketch of all the rest.
        sketches = [v.n_sketch for v in self.vectorizers]
        return sum(sketches) if all(sketches) and (len(sketches) == 1 or self.sketches_first) else 0

    @property
    def neighbors_agree(self) -> bool:
        """Whether tasks near each other mostly have the same label: so it is of texts."""
        # Of pictures only sometimes, and of tables less: see docs/sampling.md.
        return bool(self.inputs) and all(VECTORIZERS[spec.kind].ENCODED_AS == "text" for spec in self.inputs)

    def transform(self, values: Values) -> Features:
        """Return the features of some tasks without what stands beside; readable is what one input reads."""
        parts = [v.transform(column) for v, column in zip(self.vectorizers, values, strict=True)]
        if not parts:
            return _nothing(0)
        gaps = Gaps.of(values, [part.readable for part in parts])
        if len(parts) == 1:
            return replace(parts[0], gaps=gaps)
        X = [part.X * np.float32(scale) for part, scale in zip(parts, self.scales, strict=True)]
        places = [p.embedding * np.float32(scale) for p, scale in zip(parts, self.scales, strict=True)]
        if self.n_sketch:
            cuts = [(part, v.n_sketch) for part, v in zip(X, self.vectorizers, strict=True)]
            X = [part[:, :n] for part, n in cuts] + [part[:, n:] for part, n in cuts]
        stacked = sparse.hstack(X, format="csr") if any(map(sparse.issparse, X)) else np.hstack(X)
        return Features(stacked, np.hstack(places), np.any([part.readable for part in parts], axis=0), gaps)

    def features_of(
        self, data: Sequence[Mapping[str, Any]], download: Download, encoders: Encoders | None = None
    ) -> Features:
        """Return the features of tasks by their data; without its encoder, a block beside is zeros."""
        features = self.transform(read_values(self.inputs, data, download))
        for block in self.beside:
            rows = None
            if encoders is not None:
                rows = block.encoded.rows_of(self.inputs, data, download, encoders)
            features = block.join(features, rows)
        return features

    def state(self) -> State:
        """Return everything that `from_state` needs."""
        described: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for i, (spec, vectorizer) in enumerate(zip(self.inputs, self.vectorizers, strict=True)):
            values, own = vectorizer.state()
            described.append({"kind": spec.kind, "fields": list(spec.fields), "values": values})
            arrays |= {f"{i}.{name}": array for name, array in own.items()}
        beside: list[dict[str, Any]] = []
        for i, block in enumerate(self.beside):
            values, own = block.state(f"beside{i}")
            beside.append(values)
            arrays |= own
        state = {"inputs": described, "scales": list(self.scales), "beside": beside}
        return state | {"sketches_first": self.sketches_first}, arrays

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the reader that gave `state`."""
        described, arrays = state
        inputs, vectorizers = [], []
        for i, stored in enumerate(described["inputs"]):
            own = {n.partition(".")[2]: a for n, a in arrays.items() if n.partition(".")[0] == str(i)}
            inputs.append(InputSpec(stored["kind"], tuple(stored["fields"])))
            vectorizers.append(VECTORIZERS[stored["kind"]].from_state((stored["values"], own)))
        # Models of before there were encoders have none.
        beside = (
            Beside.from_state(b, f"beside{i}", arrays) for i, b in enumerate(described.get("beside", ()))
        )
        scales = tuple(map(float, described["scales"]))
        first = bool(described.get("sketches_first", False))
        return cls(tuple(inputs), tuple(vectorizers), scales, tuple(beside), first)


def read_values(inputs: Sequence[InputSpec], data: Sequence[Mapping[str, Any]], download: Download) -> Values:
    """Return what a reader of these inputs takes of each task; an `Unread` where it cannot be had.

    Raises
    ------
    LabelStudioUnreachable
        When files cannot be fetched now.
    """
    return [VECTORIZERS[spec.kind].read(spec.fields, data, download) for spec in inputs]


def _even(parts: Sequence[Features]) -> tuple[float, ...]:
    """Return factors that give every input rows as long as the first one's, in the mean of squares."""
    lengths = []
    for part in parts:
        values = part.X.data if isinstance(part.X, sparse.csr_matrix) else part.X
        squares = float(np.square(values).sum())
        lengths.append(float(np.sqrt(squares / max(int(part.readable.sum()), 1))))
    first = next((length for length in lengths if length > 0), 1.0)
    return tuple(first / length if length > 0 else 1.0 for length in lengths)


def _nothing(n: int) -> Features:
    empty = np.zeros((n, 1), dtype=np.float32)
    return Features(empty, empty, np.zeros(n, dtype=bool), Gaps(np.zeros((n, 0), dtype=np.int32), ()))
