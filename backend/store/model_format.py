"""A project's model as files: JSON and plain arrays, and skops for estimators that are no bare weights.

model.json      {"format": 2, "reader": ..., "questions": [{"name", "kind", "state"}, ...], "facts": ...}
arrays.npz      "reader.<name>" and "<place of the question>.<name>"
estimator-<place of the question>.<name>.skops

Format 1, of version 0.1, had one input and one classifier; it is still read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from backend.errors import ModelStoreError
from backend.learning.answers import Guess
from backend.learning.controls import learnable_controls
from backend.learning.encoders import Encoders
from backend.learning.inputs import Reader
from backend.learning.learned import LEARNED, Learned
from backend.learning.learned.one_of import OneOf
from backend.learning.tasks import Tasks
from backend.learning.vectorize import Download, State

FORMAT = 2
SKOPS = ".skops"
# What the built-in estimators consist of beyond what skops lets in by itself; none of these runs code of its
# own choosing when it is loaded.
KNOWN_TYPES = frozenset(
    {
        "clean_al.committee.Committee",
        "clean_al.learners.SketchedLogisticRegression",
        "clean_al.learners.SparseLogisticRegression",
        "clean_al.multilabel.PerLabelClassifier",
        "sklearn.tree._tree.Tree",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
    }
)


@dataclass(frozen=True)
class Model:
    """What turns task data into guesses: a reader, and something learned for each question.

    Attributes
    ----------
    questions : by the names of their controls, in the config's order
    facts : its version, how many labels it has seen, when, and of which labeling config
    """

    reader: Reader
    questions: Mapping[str, Learned]
    facts: dict[str, Any] = field(default_factory=dict)

    def tasks(
        self, data: Sequence[Mapping[str, Any]], download: Download, encoders: Encoders | None = None
    ) -> Tasks:
        """Return tasks that are in no pool, read as the model reads them."""
        return Tasks.of(data, self.reader.features_of(data, download, encoders))

    def guesses_of(self, tasks: Tasks) -> dict[str, list[Guess]]:
        """Return for each question what it guesses of each task."""
        return {name: learned.guess(tasks) for name, learned in self.questions.items()}


def serialized(model: Model) -> dict[str, bytes]:
    """Return a model's files by name."""
    reader, arrays = _prefixed("reader", model.reader.state())
    questions, contents = [], {}
    for i, (name, learned) in enumerate(model.questions.items()):
        # By place: a control's name may be anything, and this one becomes part of a file's.
        values, own = _prefixed(str(i), learned.state())
        arrays |= own
        questions.append({"name": name, "kind": learned.KIND, "state": values})
        for part, estimator in learned.estimators().items():
            contents[f"estimator-{i}.{part}{SKOPS}"] = _skops().dumps(estimator)
    described = {"format": FORMAT, "reader": reader, "questions": questions, "facts": model.facts}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return {"model.json": json.dumps(described).encode(), "arrays.npz": buffer.getvalue(), **contents}


def deserialized(contents: Mapping[str, bytes], trusted_package: str | None) -> Model:
    """Return the model that these files hold.

    Raises
    ------
    ModelStoreError
        When they are not files of ours, or hold anything but plain data.
    """
    try:
        described = json.loads(contents["model.json"])
        _refuse_compressed(contents["arrays.npz"])
        with np.load(io.BytesIO(contents["arrays.npz"]), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if described.get("format", 1) == 1:
            return _of_format_1(described, arrays, contents, trusted_package)
        return _of_format_2(described, arrays, contents, trusted_package)
    except ModelStoreError:
        raise
    except Exception as error:
        # In whatever way: a file that was planted is not damaged by chance, but as somebody wanted it.
        raise ModelStoreError(f"the stored model is not one of ours: {type(error).__name__}") from error


def _refuse_compressed(content: bytes) -> None:
    """Raise ValueError for arrays that take more room than their file; ours are stored as they are."""
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
            raise ValueError("compressed arrays")


def own_types(content: bytes, trusted_package: str | None) -> list[str]:
    """Return the types in a stored estimator that need our word: known ones, and the configured package's.

    Raises
    ------
    ModelStoreError
        When there are others.
    """
    try:
        unknown = _skops().get_untrusted_types(data=content)
    except Exception as error:
        raise ModelStoreError(f"the stored estimator cannot be read: {type(error).__name__}") from error
    strange = [t for t in unknown if t not in KNOWN_TYPES and t.partition(".")[0] != trusted_package]
    if strange:
        raise ModelStoreError(
            f"the estimator holds {', '.join(strange[:5])}: stored are only types of scikit-learn that skops "
            "knows, and of the package in CLEAN_AL_ESTIMATOR"
        )
    return unknown


def _of_format_2(
    described: dict[str, Any],
    arrays: dict[str, np.ndarray],
    contents: Mapping[str, bytes],
    trusted_package: str | None,
) -> Model:
    reader = Reader.from_state((described["reader"], _under("reader", arrays)))
    questions: dict[str, Learned] = {}
    for i, stored in enumerate(described["questions"]):
        prefix = f"estimator-{i}."
        estimators = {
            name.removeprefix(prefix).removesuffix(SKOPS): _estimator(content, trusted_package)
            for name, content in contents.items()
            if name.startswith(prefix)
        }
        state = (stored["state"], _under(str(i), arrays))
        # By our table: no stored name leads to an import.
        questions[stored["name"]] = LEARNED[stored["kind"]].from_state(state, estimators)
    return Model(reader, questions, described["facts"])


def _of_format_1(
    described: dict[str, Any],
    arrays: dict[str, np.ndarray],
    contents: Mapping[str, bytes],
    trusted_package: str | None,
) -> Model:
    """Return the model of version 0.1: one input, and one classifier of single choices."""
    spec = described["spec"] | {"values": described["vectoriser"]}
    own = {f"0.{name}": array for name, array in _under("vectoriser", arrays).items()}
    reader = Reader.from_state(({"inputs": [spec], "scales": [1.0]}, own))
    values = {"answers": described["labels"], "n_features": described.get("n_features")}
    estimators = {}
    if "estimator.skops" in contents:
        classifier = _estimator(contents["estimator.skops"], trusted_package)
        estimators["classifier"] = _by_place(classifier, described["labels"])
    learned = OneOf.from_state((values, _under("coef", arrays) | _under("", arrays)), estimators)
    # It was the first control of its kind, and went by no name.
    controls = learnable_controls(described["facts"]["label_config"])
    name = next(c.name for c in controls if set(described["labels"]) <= set(c.offered))
    return Model(reader, {name: learned}, described["facts"])


def _by_place(classifier: Any, labels: Sequence[str]) -> Any:
    """Return a classifier whose classes are places in `labels` instead of the labels themselves."""
    places = {str(label): i for i, label in enumerate(labels)}
    classifier.classes_ = np.array([places[str(label)] for label in classifier.classes_])
    return classifier


def _prefixed(prefix: str, state: State) -> State:
    return state[0], {f"{prefix}.{name}": array for name, array in state[1].items()}


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, without it; those without a dot for no prefix."""
    if not prefix:
        return {name: array for name, array in arrays.items() if "." not in name}
    return {n.partition(".")[2]: a for n, a in arrays.items() if n.partition(".")[0] == prefix}


def _estimator(content: bytes, trusted_package: str | None) -> Any:
    own = own_types(content, trusted_package)
    try:
        return _skops().loads(content, trusted=own)
    except Exception as error:
        raise ModelStoreError(f"the stored estimator was refused: {type(error).__name__}") from error


def _skops() -> ModuleType:
    """Return skops.io, loaded at its first use: that takes a second, and the built-in learner needs none."""
    return import_module("skops.io")
